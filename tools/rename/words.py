"""The vocabulary as entries for rename.py, in their order. (old, new, scope, kinds): old is an identifier (whole words) or a regular expression;
scope: prefixes or globs of paths after move.py; kinds: c code, k comments, s strings (default ck); '!' no collision check; '?' may find nothing."""
EC = "src/engine/cuda/"
KER, SM, CUT = EC + "kernels/", EC + "kernels/sm90/", EC + "kernels/cutlass/"
TEC, REF, BEN = "tests/engine/cuda/", "src/engine/reference/", "bench/"
CUDA = (EC, REF, TEC, "bench/engine_bench*", "bench/shortlist*", "tests/architecture/")
HOST = (EC + "plan/", EC + "lowering/", EC + "autotune/", EC + "runtime/", REF, "bench/engine_bench*",
        KER + "conv/separate.cpp", TEC + "*plan*", TEC + "schedule_test.cpp", TEC + "pairs_test.cpp", TEC + "dependent_launch_test.cpp",
        TEC + "single_step.h", TEC + "candidates_test.cpp", TEC + "lowering*_test.cpp", TEC + "random_plan_test.cpp")
PLANISH = tuple(p for p in HOST)
C3, DW3, SEP = SM + "conv3x3/", SM + "depthwise3x3/", SM + "separable/"
C3T = (C3, SM + "persistent.cuh", SM + "tiles.h", TEC + "halo_layout_test.cpp")
RENAMES = [
    # ---- programmatic dependent launch
    ("const Queue& queue", "const LaunchContext& context", CUDA), ("Queue queue", "LaunchContext context", CUDA, "ck?"),
    ("const Queue queue", "const LaunchContext context", CUDA, "ck?"),
    ("Queue", "LaunchContext", CUDA),
    ("queue", "context", (EC + "runtime/", EC + "autotune/", KER, EC + "libraries/"), "ck"),
    ("dependent", "pdl_secondary", (EC + "runtime/", EC + "kernels/launch.cuh", C3, KER + "conv/gemm_conv.cuh", KER + "cutlass/"), "c"),
    ("followed", "pdl_trigger", (EC + "runtime/", KER), "c"),
    (r"LaunchContext::dependent\b", "LaunchContext::pdl_secondary", CUDA, "k?"), (r"LaunchContext::followed\b", "LaunchContext::pdl_trigger", CUDA, "k?"),
    (r"Queue::dependent\b", "LaunchContext::pdl_secondary", CUDA, "k?"),
    ("before_another", "for_inner_kernel", CUDA),
    (r"\bSuccessor next\b", "PdlTrigger trigger", CUDA), (r"wait_for_predecessor\(next\)", "grid_dependency_wait(trigger)", CUDA),
    (r"\bnext\.waits\b", "trigger.enabled", KER + "launch.cuh"), (r"\bbool waits;", "bool enabled;", KER + "launch.cuh"),
    ("Successor", "PdlTrigger", CUDA), ("wait_for_predecessor", "grid_dependency_wait", CUDA),
    ("waits_for_predecessor", "honors_pdl_wait", CUDA),
    ("let_nobody_in", "keep_trigger_for_the_end", CUT),
    ("Start::in_order", "PdlMode::none", CUDA), ("Start::early", "PdlMode::secondary", CUDA), ("Start::unasked_waiting", "PdlMode::implicit_waiting", CUDA),
    ("Start::unasked", "PdlMode::implicit", CUDA), ("Start", "PdlMode", CUDA),
    (r"^  in_order,", "  none,", EC + "plan/schedule.h"), (r"^  early,", "  secondary,", EC + "plan/schedule.h"),
    (r"^  unasked,", "  implicit,", EC + "plan/schedule.h"), (r"^  unasked_waiting\b", "  implicit_waiting", EC + "plan/schedule.h"),
    ("PdlMode start =", "PdlMode pdl =", EC + "runtime/kernel.h"), (r"provider->start\b|family->start\b", "family->pdl", EC + "runtime/families.cpp"),
    ("start_of", "pdl_mode_of", CUDA), ("early_starts", "pdl_schedule", CUDA), ("EarlyStarts", "PdlSchedule", CUDA),
    ("start_early", "pdl_attribute", CUDA), ("starts_early", "uses_pdl", CUDA), ("starts_early_", "uses_pdl_", EC), ("can_start_early", "supports_pdl", (EC, TEC)),
    ("is_followed", "trigger", (EC + "plan/", EC + "runtime/", TEC)), (r"(\bearly|\bpdl|early_|schedule_|chain_\.early|got|found|PdlMode::secondary\)\))\.starts\b", r"\1.secondary", (EC + "plan/", EC + "runtime/", TEC)),
    (r"std::vector<bool> starts, trigger", "std::vector<bool> secondary, trigger", EC + "plan/schedule.h"),
    ("early_", "pdl_", (EC + "runtime/",), "c"), ("early_steps", "pdl_steps", CUDA),
    ("launch_waiting", "launch_with_pdl", KER), ("launch_on", "launch_pdl_kernel", KER),
    # ---- tactics and kernel providers
    (r"\bChoice::candidate\b", "Tactic::provider", CUDA, "k?"), (r"\bChoice::waits\b", "Tactic::honors_pdl_wait", CUDA, "k?"),
    (r"\b(choice|winner_|chosen\.choice|runner\.choice)\.waits\b", r"\1.honors_pdl_wait", CUDA),
    (r"\bbool waits = false;( +)///< a library", r"bool honors_pdl_wait = false;\1///< a library", EC + "plan/plan.h", "ck?"),
    (r"bool waits = false;(?=\s*$|\s)", "bool honors_pdl_wait = false;", EC + "plan/plan.h"),
    (r"\bbool waits = false;", "bool honors_pdl_wait = false;", EC + "autotune/tuning.cpp"),
    (r"\[wrong, waits\]", "[wrong, honors_pdl_wait]", EC + "autotune/tuning.cpp"), (r"honors_pdl_wait = waits;", "honors_pdl_wait = honors_pdl_wait;", EC + "autotune/tuning.cpp"),
    (r"\bwaits\((?=chosen|runners_|const Runner)", "passes_pdl_probe(", EC + "autotune/tuning.cpp"),
    (r'v\.attribute\("waits", s\.waits\);\s*\n\}\n(?=void visit_fields\(Either<Step>)', 'v.attribute("honors_pdl_wait", s.honors_pdl_wait);\n}\n', EC + "plan/plan_file.cpp", "c?"),
    (r"\b(choice|c|chosen|m\.choice|tactic)\.candidate\b", r"\1.provider", CUDA), (r"\bstd::string candidate;", "std::string provider;", EC + "plan/plan.h"),
    (r"(\bs|front\(\)|back\(\))\.candidate\b", r"\1.provider", (EC + "plan/plan_file.cpp", TEC)),
    (r"when the choice is made", "when nothing is left to measure", EC + "autotune/tuner.h", "k?"), ("separable_tiles", "depthwise_pointwise_tiles", SM), (r"\bseparable_tile\b", "depthwise_pointwise_tile", SM, "ck?"), (r"\blaunch_separable\b", "launch_depthwise_pointwise", SM, "ck?"),
    ("Choice", "Tactic", CUDA), ("choice", "tactic", CUDA), ("choices", "tactics", CUDA),
    ("adopt_choices", "transfer_tactics", CUDA), ("choices_from", "tactics_from"), ("with_choices_of", "with_tactics_of", TEC), ("check_choice", "check_tactic", EC),
    (r"\bfamily\.candidates\(", "provider.enumerate_tactics(", CUDA), (r"_family\.candidates\(", "_provider.enumerate_tactics(", CUDA, "ck?"),
    (r"\(\*candidates\)\(", "(*enumerate_tactics)(", EC + "runtime/kernel.h"), (r"\(\*prepare\)\(", "(*instantiate)(", EC + "runtime/kernel.h"),
    (r"\bfamily->prepare\(", "provider->instantiate(", EC), (r"\bfamily\.prepare\(", "provider.instantiate(", EC),
    (r"\bcandidates\(", "tactics_for(", (EC + "runtime/", EC + "autotune/", TEC)),
    (r"(?<![.>\w])prepare\(", "instantiate_tactic(", (EC + "runtime/", EC + "autotune/", TEC)),
    ("KernelFamily", "KernelProvider", CUDA), ("KernelFamily", "KernelProvider", "tests/architecture/", "s"),
    ("families", "kernel_providers", (EC + "runtime/",), "c"), ("family_named", "provider_named", EC),
    ("family", "provider", (EC + "runtime/", KER + "conv/separate.cpp", TEC + "candidates_test.cpp"), "ck"),
    (r"\b(\w+)_family\b(?!\.cu|_test)", r"\1_provider", (EC, TEC)),
    (r"(?<!std::)\bvariant\(", "make_tactic(", EC, "c"), ("only_variant", "single_tactic", EC),
    (r"\blist\((?=const Step& step, const Target)", "enumerate_tactics(", EC), (r"\bmake\((?=const Step& step, Tactic)", "instantiate(", EC),
    (r'(provider\{"[\w]+", )list, make\b', r"\1enumerate_tactics, instantiate", EC, "c?"),
    (r", list, make(?=[,}])", ", enumerate_tactics, instantiate", EC), (r"(single_tactic<\w+>, )make\b", r"\1instantiate", EC, "c?"),
    (r"(>, )make(?=[,}])", r"\1instantiate", EC, "c?"),
    # the tuner
    ("Question", "Request", (EC + "autotune/", TEC + "tuner_test.cpp")), (r"\bnext\(\)", "next_measurement()", (EC + "autotune/tuner.*", EC + "autotune/tuning.cpp", TEC + "tuner_test.cpp")),
    ("question", "request", (EC + "autotune/", TEC + "tuner_test.cpp")),
    ("answer", "record", (EC + "autotune/tuner.*", EC + "autotune/tuning.cpp", TEC + "tuner_test.cpp"), "c"),
    ("reject", "disqualify", (EC + "autotune/tuner.*", TEC + "tuner_test.cpp"), "c"),
    ("left", "remaining", (EC + "autotune/tuner.*", TEC + "tuner_test.cpp"), "c"), ("out", "disqualified", EC + "autotune/tuner.*", "c"),
    ("Candidate", "Entry", EC + "autotune/tuner.*"), ("candidates_", "entries_", EC + "autotune/tuner.*"),
    (r"\bcandidate\b", "tactic", (EC + "autotune/tuner.*", EC + "autotune/tuning.*", EC + "autotune/step_bench.h", TEC + "tuner_test.cpp"), "c?"),
    ("candidate", "tactic", (EC + "autotune/", EC + "runtime/", EC + "libraries/", KER), "k"), ("candidates", "tactics", (EC + "autotune/", EC + "runtime/", EC + "libraries/", KER), "k"),
    ("candidates", "tactics", (EC + "autotune/tuner.*",), "c"), ("race", "measure_all", EC + "autotune/tuning.cpp", "c"),
    ("admit", "validate", EC + "autotune/tuning.cpp"), ("make_ready", "instantiate", EC + "autotune/tuning.cpp"),
    ("Workbench", "TuningBuffers", EC), ("spoil", "fill_with_nan", EC + "autotune/"), ("poison", "fill_outputs_with_nan", EC + "autotune/", "ck"),
    ("answer_at_once", "write_without_waiting", EC), ("restore_late", "restore_after_trigger", EC), ("disagreement", "mismatch", (EC + "autotune/", TEC + "waiting_test.cpp"), "ck?"),
    # ---- streams of a plan
    (r"\bdependencies\((?=const ExecutionPlan|plan|chain)", "data_dependencies(", (EC + "plan/", TEC)),
    ("waits", "dependencies", (EC + "plan/", EC + "runtime/", EC + "lowering/", REF, KER + "conv/", EC + "autotune/step_bench.cpp",
                               TEC + "single_step.h", TEC + "schedule_test.cpp", TEC + "candidates_test.cpp", TEC + "*plan*"), "c"),
    ("has_waiters_", "has_dependents_", EC), ("lane", "stream_index", PLANISH, "c"), ("lane_", "stream_index_", EC + "plan/", "c"),
    ("lanes", "streams", PLANISH, "c"), ("assign_lanes", "assign_streams", CUDA), ("max_lanes", "max_streams", CUDA), ("lane_done_", "stream_done_", EC),
    ("of_lanes", "of_streams", TEC), ("measure_one_lane", "measure_one_stream", "bench/"), ("best_lane", "best_stream", EC + "plan/"), ("steps_on_lane", "steps_on_stream", EC + "plan/"),
    ("last_on_lane", "last_on_stream", EC + "plan/"), ("done_on_lane", "done_on_stream", EC + "plan/"), ("change_of_lane_seconds", "change_of_stream_seconds", EC + "plan/"),
    ("lane", "stream", PLANISH, "k"), ("lanes", "streams", PLANISH, "k"), ("Lanes", "Streams", PLANISH, "k"),
    # ---- kernels: CUTLASS
    ("Ending", "EpilogueParams", (CUT, SM)), ("ending", "epilogue", (CUT, C3), "ck"), ("Finish", "BiasActivation", CUT), ("FinishWithResidual", "BiasActivationResidual", CUT),
    ("Order", "ActivationParams", CUT), (r"\bAdded::nothing\b", "ResidualKind::none", CUT), (r"\bAdded::map\b", "ResidualKind::full", CUT),
    (r"\bAdded::half_map\b", "ResidualKind::half_resolution", CUT), (r"enum class Added \{ nothing, map, half_map \}", "enum class ResidualKind { none, full, half_resolution }", CUT),
    ("Added", "ResidualKind", CUT), ("added", "residual_kind", CUT, "c"),
    ("HalfMap", "HalfResolutionResidual", (CUT, TEC), "c"), ("is_half", "is_half_resolution", CUDA + ("src/engine/cuda/",)),
    (r"\bcutlass_provider\b", "cutlass_gemm_provider", CUDA), (r"\bcutlass_window_provider\b", "cutlass_implicit_gemm_provider", CUDA), ("product_of", "gemm_problem_of", CUT),
    ("MatrixProduct", "PointwiseGemm", CUDA), ("as_product", "as_pointwise_gemm", CUDA),
    ("ProductKernel", "GemmKernel", CUT), ("ProductLaunch", "GemmLaunch", CUT), ("launch_product", "launch_gemm", CUT), (r"\bproduct_(\d+x\d+)\b", r"gemm_\1", (CUT, TEC)),
    ("Product", "GemmProblem", (CUT, EC + "libraries/"), "ck"), ("product", "gemm", (CUT, EC + "libraries/", EC + "plan/matrix_view.*"), "ck"),
    ("products", "GEMMs", (CUT, EC + "libraries/", EC + "plan/matrix_view.*"), "k"),
    (r"\bImplicit matrix (?:gemm|product)\b", "Implicit GEMM", CUT, "k?"), (r"\b[Mm]atrix (?:gemm|product)\b", "GEMM", (CUT, EC + "libraries/", EC + "plan/"), "k?"), (r"\bmatrix (?:GEMMs|products)\b", "GEMMs", (CUT, EC + "libraries/", EC + "plan/"), "k?"),
    ("WindowKernel", "ImplicitGemmKernel", CUT), ("WindowLaunch", "ImplicitGemmLaunch", CUT), (r"\bwindow_(\d+x\d+x\d+)\b", r"implicit_gemm_\1", CUT),
    ("launch_window", "launch_implicit_gemm", CUT, "ck?"), ("window", "problem", (CUT + "window_*.cu", CUT + "window.cu"), "c"), ("order", "params", CUT + "ending.cuh", "c"),
    (r'"CUTLASS cannot run this product\."', '"CUTLASS cannot run this GEMM."', CUT, "s"), ("window_of", "conv_problem_of", (CUT, SM, TEC)), ("Window", "ConvProblem", (CUT, C3, TEC)),
    (r"\bconst ConvProblem& window\b", "const ConvProblem& problem", (CUT, C3)), ("is_window_of_three", "is_conv3x3", SM),
    # ---- kernels of compute capability 9.0; ring becomes halo once halo is conv3x3
    ("HaloTile", "Conv3x3Tile", SM), ("HaloArguments", "Conv3x3Params", SM), ("HaloBarriers", "Conv3x3Barriers", SM), ("HaloBlock", "Conv3x3Block", SM),
    ("Halo", "Conv3x3Layout", (SM, TEC)), ("HaloLayout", "Conv3x3Sm90Layout", TEC), ("SeparableLayout", "DepthwisePointwiseForms", TEC, "ck?"), ("launch_halo", "launch_conv3x3", SM), ("halo_tile", "conv3x3_tile", SM), (r"\bhalo_tiles_(\d+)\b", r"conv3x3_tiles_\1", SM),
    ("halo_provider", "conv3x3_sm90_provider", CUDA), ("halo", "conv3x3_sm90", SM, "c"),
    ("depthwise_ring_provider", "depthwise3x3_sm90_provider", CUDA), ("depthwise_ring", "depthwise3x3_sm90", SM), ("RingArguments", "Depthwise3x3Params", SM),
    ("ring_kernel", "depthwise3x3_kernel", SM), ("ring_bytes", "halo_bytes", SM), ("ring_edge", "halo_edge", (SM, TEC)), ("ring", "halo", (SM, TEC + "*layout_test.cpp"), "ck"),
    ("rings", "halos", (SM,), "k?"),
    (r"\bSeparable(Arguments|Barriers|Block)\b", lambda m: "DepthwisePointwise" + {"Arguments": "Params"}.get(m.group(1), m.group(1)), SM),
    ("SeparableForm", "DepthwisePointwiseLayout", (SM, TEC)), (r"\bSeparable(Tile|Kernel)\b", r"DepthwisePointwise\1", (SM, TEC), "ck?"),
    ("Separable", "DepthwisePointwise", CUDA), ("Separable", "DepthwisePointwise", CUDA, "s"),
    ("separable_provider", "depthwise_pointwise_provider", CUDA), ("separate_provider", "unfused_pair_provider", CUDA), ("separable", "depthwise_pointwise", SM, "c"),
    ("Filled", "FullBarrier", SM), ("filled", "full_barrier", SM, "ck"), ("Emptied", "EmptyBarrier", SM), ("emptied", "empty_barrier", SM, "ck"),
    ("Walk", "PipelineState", (SM, TEC + "*layout_test.cpp")), ("walk", "state", (SM, TEC + "*layout_test.cpp"), "c"),
    (r"\btogether\(", "sync_warpgroup(", SM, "c"), ("leads", "is_elected", SM, "c"), ("all_together", "sync_block", SM),
    ("Place", "TileCoord", (SM, TEC + "*layout_test.cpp"), "ck"), ("place_of", "tile_coord_of", (SM, TEC + "*layout_test.cpp")),
    (r"(?<=const TileCoord& )place\b|(?<=const TileCoord )place\b|\bplace(?=\.[whn]\b)|\bplace(?=, barriers)|(?<=consumer, )place\b", "coord", SM, "c"),
    (r"`chunk`", "`tile_k`", SM, "k"), (r"`columns`", "`tile_n`", (C3, SEP), "k"), (r"\[columns, 16\]", "[tile_n, 16]", SM + "instructions.cuh", "k"),
    (r"slot, chunk, place, filled\)|slot, chunk, place, full_barrier\)", "slot, k_tile, coord, full_barrier)", SM + "persistent.cuh", "k?"),
    ("chunk", "tile_k", (SM, TEC + "*layout_test.cpp"), "c"), ("chunks", "k_tiles", (SM, TEC + "*layout_test.cpp"), "c"), ("chunk", "k tile", (SM, TEC + "*layout_test.cpp"), "k"), ("chunks", "k tiles", (SM, TEC + "*layout_test.cpp"), "k"), ("chunk_", "tile_k_", SM), ("for_each_chunk", "for_each_k_tile", SM),
    ("chunk_index", "k_tile", SM, "c?"),
    ("depth", "stages", (SM, TEC + "*layout_test.cpp"), "ck"), ("most_depth", "max_stages", (SM, TEC + "*layout_test.cpp")), ("depth_of", "stages_of", (SM, TEC)),
    (r"\ba_?\.columns\b", lambda m: m.group(0).replace("columns", "out_channels"), C3, "c"), (r"\bint columns;( +)///< channels of y", r"int out_channels;\1///< channels of y", C3, "c?"),
    (r"\bint columns;", "int out_channels;", C3 + "halo.cuh", "c"),
    ("columns", "tile_n", (C3, SEP, SM + "instructions.cuh", TEC + "*layout_test.cpp"), "c"), ("columns_", "tile_n_", (C3, SEP), "c"), ("own_columns", "own_tile_n", (C3, TEC + "*layout_test.cpp")),
    ("planes", "parity_planes", (C3, TEC + "halo_layout_test.cpp"), "c"), ("plane", "parity_plane", (C3, TEC + "halo_layout_test.cpp"), "c"), ("plane", "parity plane", C3, "k?"),
    # ---- lowering and fusion
    ("Halves", "ConvPair", KER + "conv/separate.cpp"), ("halves_of", "conv_pair_of", KER + "conv/separate.cpp"), ("halves", "convs", KER + "conv/separate.cpp", "c"),
    ("with_pairs", "fuse_conv_pairs", CUDA), ("TakePair", "SelectPair", CUDA), ("faster_pairs", "faster_fused_pairs", CUDA), ("pairs_of", "fused_pairs_of", CUDA),
    ("Draft", "LoweredOp", EC + "lowering/"), ("settle", "assign", EC + "lowering/"), ("claim", "alias", EC + "lowering/"), ("private_to_one", "single_use", EC + "lowering/"),
    ("swallowed", "fused", EC, "k?"), ("swallows", "fuses", EC, "k?"), ("swallow", "fuse", EC, "k?"),
    ("raise_silu", "fuse_silu"), ("absorb_affine", "fold_batch_norm"), ("single_parts", "fp32_layers"),
]
EN, PRE, POST = "src/engine_cache/", "src/predictor/", "src/stages/postprocess/"
RENAMES += [
    # ---- namespaces follow their folders
    (r"\bcompare::(?=\w)", "parity::"), (r"\bnamespace peregrine::compare\b", "namespace peregrine::parity"), (r"\bexplain::(?=\w)", "compare::"), (r"\bnamespace peregrine::explain\b", "namespace peregrine::compare"),
    (r"\bpipeline::(?=\w)", "predictor::"), (r"\bnamespace peregrine::pipeline\b", "namespace peregrine::predictor"),
    (r"\bprovision::(?=\w)", "engine_cache::"), (r"\bnamespace peregrine::provision\b", "namespace peregrine::engine_cache"), (r"\busing namespace pipeline\b", "using namespace predictor", (), "c?"), (r"\busing namespace provision\b", "using namespace engine_cache", (), "c?"),
    # ---- engine cache, predictor, policy
    ("Obtained", "CachedEngine"), ("obtain", "get_or_build"), ("EngineChoice", "EngineContext"), ("Generation", "Deployment"),
    ("Draft", "StagedEngine", (EN, "tests/engine_cache/")), ("sights", "sample_images", EN, "c"), ("sight", "sample_image", EN, "c"), ("sights", "sample images", EN, "k?"), ("sight", "sample image", EN, "k?"),
    ("PlacementGuard", "GpuPolicy"), ("ledger", "transfer_log", (), "c"), ("ledger", "transfer log", (), "k"),
    ("Departure", "Mismatch"), ("departure", "mismatch", (), "c"), ("departs", "deviates", (), "c"), ("Side", "Operand", "src/tools/compare/"), ("Wish", "ModelSpec", "src/tools/compare/"),
    ("Feed", "FrameLoader", PRE), ("Upcoming", "LoadedBatch", PRE), ("GpuShape", "BatchSession"), ("GpuShapes", "SessionCache"), ("GpuFrames", "DeviceImagePool"),
    ("ReidRounds", "CropBatches"), ("ReidCapacities", "BatchBuckets"), ("moved_apart", "with_class_offset"), ("turn_upright", "apply_exif_orientation"),
]
FAMILY_STRINGS = {"halo": "conv3x3_sm90", "depthwise_ring": "depthwise3x3_sm90", "separable": "depthwise_pointwise", "separate": "unfused_pair",
                  "cutlass": "cutlass_gemm", "cutlass_window": "cutlass_implicit_gemm"}
RENAMES += [('"%s"' % o, '"%s"' % n, (EC, TEC), "s") for o, n in FAMILY_STRINGS.items()]
RENAMES += [('"candidate"', '"provider"', EC + "plan/plan_file.cpp", "s"), ('"lane"', '"stream"', EC + "plan/plan_file.cpp", "s"), ('"lanes"', '"streams"', EC + "plan/plan_file.cpp", "s"),
            ('"waits"', '"dependencies"', EC + "plan/plan_file.cpp", "s"), ('"choice"', '"tactic"', EC + "plan/plan_file.cpp", "s"), ('"cuda 2"', '"cuda 3"', EC + "plan/plan_file.cpp", "s")]
FILES = [
    (EC + "runtime/queue.h", EC + "runtime/launch_context.h"), (EC + "runtime/families.cpp", EC + "runtime/kernel_providers.cpp"),
    (KER + "families.h", KER + "providers.h"), (KER + "only_variant.h", KER + "single_tactic.h"), (KER + "half_map.h", KER + "half_resolution.h"),
    (EC + "autotune/waiting.h", EC + "autotune/pdl_probe.h"), (EC + "autotune/waiting.cpp", EC + "autotune/pdl_probe.cpp"),
    (EC + "autotune/adopt.h", EC + "autotune/tactic_transfer.h"), (EC + "autotune/adopt.cpp", EC + "autotune/tactic_transfer.cpp"),
    (EC + "plan/strided.h", EC + "plan/tensor_views.h"), (EC + "plan/strided.cpp", EC + "plan/tensor_views.cpp"),
    (EC + "plan/matrix_view.h", EC + "plan/pointwise_gemm.h"), (EC + "plan/matrix_view.cpp", EC + "plan/pointwise_gemm.cpp"),
    (EC + "lowering/fuse/pairs.h", EC + "lowering/fuse/conv_pairs.h"), (EC + "lowering/fuse/pairs.cpp", EC + "lowering/fuse/conv_pairs.cpp"),
    (EC + "lowering/draft.h", EC + "lowering/lowered_op.h"), (EC + "lowering/draft.cpp", EC + "lowering/lowered_op.cpp"),
    (EC + "libraries/cublas_lt_product.cpp", EC + "libraries/cublas_lt_gemm.cpp"), (KER + "conv/separate.cpp", KER + "conv/unfused_pair.cpp"),
    (CUT + "ending.cuh", CUT + "epilogue.cuh"), (CUT + "half_map.cuh", CUT + "half_resolution_residual.cuh"), (CUT + "lets_nobody_in.h", CUT + "late_trigger.h"),
    (CUT + "product.h", CUT + "gemm.h"), (CUT + "product.cuh", CUT + "gemm.cuh"), (CUT + "product_family.cu", CUT + "gemm_provider.cu"),
    *[(CUT + f"product_{t}.cu", CUT + f"gemm_{t}.cu") for t in ("64x32", "64x64", "64x128", "128x64", "128x128", "128x256")],
    (CUT + "window.h", CUT + "implicit_gemm.h"), (CUT + "window.cuh", CUT + "implicit_gemm.cuh"), (CUT + "window.cu", CUT + "implicit_gemm.cu"),
    (CUT + "window_family.cu", CUT + "implicit_gemm_provider.cu"), (CUT + "window_32.cu", CUT + "implicit_gemm_32.cu"), (CUT + "window_64.cu", CUT + "implicit_gemm_64.cu"),
    (SM + "window_of_three.h", SM + "conv3x3.h"), (SM + "residency.h", SM + "smem_budget.h"),
    *[(C3 + f"halo{s}", C3 + f"conv3x3_sm90{s}") for s in (".h", ".cuh", "_launch.cuh", "_layout.h", "_16.cu", "_32.cu", "_64.cu")], (C3 + "halo_family.cu", C3 + "conv3x3_sm90_provider.cu"),
    (DW3 + "depthwise_ring.h", DW3 + "depthwise3x3_sm90.h"), (DW3 + "depthwise_ring.cu", DW3 + "depthwise3x3_sm90.cu"), (DW3 + "depthwise_ring_family.cu", DW3 + "depthwise3x3_sm90_provider.cu"),
    *[(SEP + f"separable{s}", SM + f"depthwise_pointwise/depthwise_pointwise{s}") for s in (".h", ".cu", ".cuh", "_launch.cuh", "_layout.h")],
    (SEP + "separable_family.cu", SM + "depthwise_pointwise/depthwise_pointwise_provider.cu"),
    (EN + "engine_choice.h", EN + "engine_context.h"), (EN + "engine_choice.cpp", EN + "engine_context.cpp"), (EN + "provision.h", EN + "engine_cache.h"), (EN + "provision.cpp", EN + "engine_cache.cpp"),
    (EN + "validation/scenes.h", EN + "validation/sample_images.h"), (EN + "validation/scenes.cpp", EN + "validation/sample_images.cpp"),
    ("src/gpu_policy/guard.h", "src/gpu_policy/gpu_policy.h"), ("src/gpu_policy/guard.cpp", "src/gpu_policy/gpu_policy.cpp"), ("src/gpu_policy/ledger.h", "src/gpu_policy/transfer_log.h"), ("src/gpu_policy/ledger.cpp", "src/gpu_policy/transfer_log.cpp"),
    ("tests/gpu_policy/guard_test.cpp", "tests/gpu_policy/gpu_policy_test.cpp"), ("tests/gpu_policy/ledger_test.cpp", "tests/gpu_policy/transfer_log_test.cpp"),
    ("src/image/turn.h", "src/image/exif.h"), ("src/image/turn.cpp", "src/image/exif.cpp"), ("src/engine/seal.h", "src/engine/checksum_envelope.h"), ("src/engine/seal.cpp", "src/engine/checksum_envelope.cpp"),
    (PRE + "feed.h", PRE + "frame_loader.h"), (PRE + "feed.cpp", PRE + "frame_loader.cpp"),
    *[(PRE + f"gpu/gpu_{o}.{x}", PRE + f"gpu/{n}.{x}") for o, n in (("shape", "batch_session"), ("shapes", "session_cache"), ("frames", "device_image_pool")) for x in ("h", "cpp")],
    (POST + "cuda/selection.cu", POST + "cuda/decode_threshold.cu"), (POST + "cuda/suppression.cu", POST + "cuda/nms.cu"), (POST + "cuda/publish.cuh", POST + "cuda/copy_results.cuh"),
    (POST + "cuda/reid_rounds.cu", POST + "cuda/crop_batches.cu"), (POST + "cuda/reid_rounds.h", POST + "cuda/crop_batches.h"), (POST + "tasks/reid_rounds.h", POST + "tasks/crop_batches.h"),
    ("tests/stages/postprocess/reid_rounds_test.cpp", "tests/stages/postprocess/crop_batches_test.cpp"), ("tests/stages/decode/gpu_frames_test.cpp", "tests/stages/decode/device_image_pool_test.cpp"),
    ("src/graph/passes/raise_silu.cpp", "src/graph/passes/fuse_silu.cpp"), ("src/graph/passes/absorb_affine.cpp", "src/graph/passes/fold_batch_norm.cpp"),
    ("src/formats/onnx/write/single_parts.h", "src/formats/onnx/write/fp32_layers.h"), ("src/formats/onnx/write/single_parts.cpp", "src/formats/onnx/write/fp32_layers.cpp"),
    *[(TEC + f"{o}_test.cpp", TEC + f"{n}_test.cpp") for o, n in (("waiting", "pdl_probe"), ("adopt", "tactic_transfer"), ("strided", "tensor_views"), ("matrix_view", "pointwise_gemm"),
      ("pairs", "conv_pairs"), ("candidates", "tactics"), ("half_map", "half_resolution"), ("halo_layout", "conv3x3_sm90_layout"), ("separable_layout", "depthwise_pointwise_layout"),
      ("separable_kernel", "depthwise_pointwise_kernel"), ("product_kernel", "gemm_kernel"), ("window_kernel", "implicit_gemm_kernel"), ("dependent_launch", "pdl"))],
    ("tests/architecture/kernel_families_test.cpp", "tests/architecture/kernel_providers_test.cpp"),
]
TEXT_EDITS = [
    ("src/engine/seal*.cpp", [(r'throw refuse\(fmt::format\("is not of the kind \'\{\}\' that this version reads", kind\)\);',
                               'throw Error("engine.plan", fmt::format("The engine\'s plan is not of the kind \'{}\' that this version reads.", kind),\n                "Build the engine again: `peregrine build MODEL --rebuild`.");')]),
    ("tools/bundle/bundle.mk", [(r"FAMILIES \?= halo cutlass_window cutlass gemm direct bottleneck separable separate stem depthwise_ring ",
                                 "FAMILIES ?= conv3x3_sm90 cutlass_implicit_gemm cutlass_gemm gemm direct bottleneck depthwise_pointwise unfused_pair stem depthwise3x3_sm90 "),
                                (r"FAMILIES=halo", "FAMILIES=conv3x3_sm90")]),
    ("src/engine/cuda/plan/plan_file.cpp", [(r'v\.attribute\("dependencies", s\.\w+\);\n\}\nvoid visit_fields\(Either<Step>', 'v.attribute("honors_pdl_wait", s.honors_pdl_wait);\n}\nvoid visit_fields(Either<Step>'),
                                            (r's\.stream_index\), v', 's.stream), v') if False else (r'"stream", s\.stream_index', '"stream", s.stream_index')]),
]

# ---- second table: what the first left. Paths are those after move.py, before FILES.
CACHE, GPU = ("src/engine_cache/", "tests/engine_cache/", "src/tools/", "tests/tools/", "cli/", "include/peregrine/migration_report.h", "tests/cli/", "src/predictor/", "tests/predictor/"), "src/predictor/gpu/"
CONTEXT = ("src/engine_cache/", "tests/engine_cache/", "src/predictor/", "tests/predictor/", "src/tools/", "tests/tools/", "cli/", "bench/gpu_soak.cpp", "bench/pipeline_bench.cpp",
           "tests/engine/tensorrt/", "tests/engine/openvino/", "tests/faults/", "tests/support/", "tests/cli/", "tests/parity/")
RENAMES += [
    (r"\{\.candidate = ", "{.provider = ", CUDA, "c?"),
    # postprocessing
    ("selection_kernel", "decode_threshold_kernel"), ("launch_selection", "launch_decode_threshold"), ("suppression_kernel", "nms_kernel"), ("launch_suppression", "launch_nms"),
    ("publication_kernel", "copy_results_kernel"), ("launch_publication", "launch_copy_results"), ("publish_objects", "copy_objects_to_host"), ("publish_bytes", "copy_bytes_to_host"),
    (r'check_launch\("selection"\)', 'check_launch("decode_threshold")', POST + "cuda/", "cs?"), (r'"selection"', '"decode_threshold"', POST + "cuda/", "s"),
    (r'"suppression"', '"nms"', POST + "cuda/", "s"), (r'"publication"', '"copy_results"', POST + "cuda/", "s"),
    ("begin_reid_rounds", "begin_crop_batches"), ("choose_reid_round", "choose_crop_batch"), ("end_reid_round", "end_crop_batch"), ("enqueue_round", "enqueue_crop_batch", GPU),
    (r'"begin_reid_rounds"', '"begin_crop_batches"', POST + "cuda/", "s"), (r'"choose_reid_round"', '"choose_crop_batch"', POST + "cuda/", "s"), (r'"end_reid_round"', '"end_crop_batch"', POST + "cuda/", "s"),
    ("capacities", "buckets", (POST, GPU, "tests/stages/postprocess/"), "ck"), ("capacities_", "buckets_", GPU), (r"(?<!run_)\brounds\b", "crop_batches", (GPU, POST + "cuda/reid_rounds.*"), "c"),
    ("rounds", "crop batches", (GPU + "gpu_reid*", POST + "tasks/reid_rounds.h"), "k"), ("round", "crop batch", POST + "tasks/reid_rounds.h", "k?"), ("rounds_", "crop_batches_", GPU + "gpu_reid*"), ("select_candidates", "decode_and_threshold", POST),
    # deployment
    ("service_request", "deployment_request"), ("take_service", "take_deployed"), ("print_service", "print_deployment"), ("in_service", "is_deployed", CACHE), ("service_of", "deployment_of", CACHE),
    ("InService", "DeployedEngine"),
    ("generation", "deployment", CACHE, "c"), ("generations", "deployments", CACHE, "c"), (r"(?<![/\w.])generation(?![\w/])", "deployment", CACHE, "k"), (r"(?<![/\w.])generations(?![\w/])", "deployments", CACHE, "k"), ("Generations", "Deployments", CACHE, "k?"), ("write_generation", "write_deployment"), ("read_generation", "read_deployment"),
    ("read_generation_file", "read_deployment_file"), ("generation_name", "deployment_name"), ("generation_naming", "deployment_naming"),
    ("role", "task_slot", CACHE, "c"), ("roles", "task_slots", CACHE, "c"), (r"(?<![/\w.])role(?![\w/])", "task slot", CACHE, "k?"), (r"(?<![/\w.])roles(?![\w/])", "task slots", CACHE, "k?"),
    (r"in_use, deployment, task slot, read", "in_use, generation, role, read", "src/engine_cache/store/store.h", "k"), ("require_role", "require_task_slot"),
    # validation
    ("departures", "mismatches", (), "ck"), ("departures_", "mismatches_"), ("first_departure", "first_mismatch"), ("departures_of", "mismatches_of"), ("departed", "deviated", (), "c"), ("depart", "deviate", (), "c"),
    (r"\bjudge\b(?!_)", "evaluate", ("src/engine_cache/", "src/parity/", "src/tools/audit/", "src/tools/compare/", "src/tools/migrate/", "tests/engine_cache/", "tests/parity/", "tests/tools/", "cli/", "tests/cli/"), "c"),
    ("judge_direction", "evaluate_direction"), ("judge_jpeg", "evaluate_jpeg"),
    # engine cache
    ("obtained", "cached_engine", ("cli/", "src/engine_cache/", "src/predictor/", "src/tools/", "tests/engine/tensorrt/"), "c"), ("choice_", "context_", CONTEXT), ("choice", "context", CONTEXT, "c"),
    ("gpu_choice", "gpu_context"), ("best_choice", "best_context"), ("openvino_choice", "openvino_context"), ("verify_kept", "verify_cached"), ("open_kept", "open_cached"),
    ("scene_files", "sample_image_files"), ("scenes_", "sample_images_", ("src/engine_cache/",)), ("scenes_of", "sample_images_of"), ("scene_input", "sample_image_input"),
    ("seal", "to_envelope", (), "c"), ("unseal", "from_envelope", (), "c"), ("seal_json", "json_to_envelope"), ("unseal_json", "json_from_envelope"), ("is_sealed", "has_envelope"), ("sealed", "envelope", ("src/engine/seal.cpp", "src/engine_cache/"), "c"),
    # predictor
    ("Loaded", "LoadedEngine", ("src/engine_cache/", "tests/engine_cache/", "src/tools/")), ("Loaded", "LoadedImage", (GPU, "tests/predictor/gpu_golden_test.cpp", "tests/stages/decode/gpu_frames_test.cpp")), ("Loaded", "InputFrame", (PRE + "pipeline.cpp", PRE + "feed.*")),
    ("Outcome", "FrameResult", ("bench/", "cli/", "examples/", "include/", "src/predictor/", "tests/", "src/tools/")), ("FrameOutcome", "RunnerResult"),
    ("guard", "policy", ("cli/selftest.cpp", "src/predictor/", "src/tools/doctor/", "tests/faults/", "tests/gpu_policy/"), "c"), ("guard_", "policy_", ("src/predictor/", "tests/stages/decode/"), "c"),
    ("guard_batch", "check_batch", GPU), ("guard_bindings", "check_bindings", GPU), ("guard_outputs", "check_outputs", GPU),
    # lowering, kernels, tuner
    ("DraftList", "LoweredOps", EC), ("Variant", "KernelInstance", KER), ("variants", "instances", KER, "c"), ("variant_of", "instance_of", KER), ("variant_count", "instance_count", KER), ("any_variant", "any_instance", KER),
    ("tiled_variants", "tiled_instances", KER), ("variants", "tactics", (EC + "runtime/", EC + "autotune/"), "k?"), ("Variants", "Tactics", (EC + "runtime/", EC + "autotune/"), "k?"), ("variant", "tactic", (EC + "runtime/", EC + "autotune/"), "k?"),
    ("settle_view", "assign_view", EC), ("claim_inputs_of", "alias_inputs_of", EC), ("claim_split", "alias_split", EC), ("claim_from_view", "alias_from_view", EC), ("adopted", "transferred", EC + "autotune/", "ck"), ("swallowed", "fused", EC, "c"),
    ("most_separable", "max_depthwise_pointwise", EC), ("separable_of", "depthwise_pointwise_of", EC), ("poison_fresh_buffers", "fill_fresh_buffers_with_nan", REF), ("start_in_order_if_unasked", "start_in_order_if_implicit", EC),
    ("early", "pdl", (EC + "plan/", EC + "autotune/tuning.cpp", EC + "kernels/launch.cuh", TEC + "schedule_test.cpp"), "c"),
    ("families", "providers", (EC + "runtime/", EC + "autotune/", EC + "libraries/", KER), "k?"), ("family", "provider", (EC + "runtime/", EC + "autotune/", EC + "libraries/", KER), "k?"),
    (r"\bDrafts\b", "Ops", EC + "lowering/", "k?"), ("drafts", "ops", (EC + "lowering/", "tests/engine/cuda/low*"), "ck"), ("draft", "op", (EC + "lowering/", "tests/engine/cuda/low*"), "ck"), ("draft_", "op_", EC + "lowering/"), ("drafts_", "ops_", EC + "lowering/"), ("unasked_waiting", "implicit_waiting", (EC,), "k"), (r"`unasked`", "implicit", (EC,), "k?"),
    ("lets_nobody_in", "keeps_trigger", EC, "ck?"), ("Choices", "Tactics", EC, "k?"), ("Candidates", "Tactics", EC, "k?"), ("choice", "tactic", EC, "k?"), ("poison", "NaN", KER + "probe.h", "k?"),
    ("Workbench", "TuningBuffers", EC, "k?"),
]
FILES += [("src/engine_cache/store/sealed_json.h", "src/engine_cache/store/json_envelope.h"), ("src/engine_cache/store/sealed_json.cpp", "src/engine_cache/store/json_envelope.cpp")]
FILES += [("src/engine_cache/store/service.cpp", "src/engine_cache/store/deployments.cpp"),
          ("src/predictor/models/service.h", "src/predictor/models/deployed_models.h"), ("src/predictor/models/service.cpp", "src/predictor/models/deployed_models.cpp")]

# ---- pictures are images. First the files that know both words, then every identifier.
def image_of(m):
    return m.group(0).replace("picture", "image").replace("Picture", "Image")


def local(path, new, plural=None):
    """A local variable or parameter of a file that has an `image` already; members are the second rule's."""
    both = [(r"(?<![.>\w])picture\b(?!\()", new, path, "c")]
    return both + ([(r"(?<![.>\w])pictures\b(?!\()", plural, path, "c")] if plural else [])


RENAMES += [
    *local("src/tools/compare/explain.cpp", "image_path"), *local("src/tools/migrate/steps/models.cpp", "sample"), *local(GPU + "gpu_runner.cpp", "image_index", "image_count"),
    *local(GPU + "gpu_shape.*", "image_index", "image_count"), *local(POST + "cuda/suppression.cu", "image_index"),
    (r"for \(const fs::path& picture : pictures\) digest\.update\(read_picture\(picture\)\)", "for (const fs::path& file : files) digest.update(read_picture(file))", EN + "validation/verification.cpp", "c"),
    *local(EN + "validation/verification.cpp", "image_index", "files"), *local("src/stages/render/draw.cpp", "drawn"), *local("src/stages/source/video/video_writer.cpp", "av_frame"),
    *local("src/tools/validate/coco_evaluation.cpp", "image_id"), *local("src/tools/validate/detector_validation.cpp", "image_name"),
    *local("tests/predictor/gpu_reid_test.cpp", "image_index"), (r"\bpicture\(", "jpeg_image(", "tests/stages/source/motion_jpeg_test.cpp", "c"),
    ("Picture", "InputImage", (), "c"), ("Pictures", "ImageSet", (), "c"), ("pictures_", "input_images_", "tests/stages/preprocess/cuda_test.cpp", "c"),
    (r"\b\w*[Pp]icture\w*\b", image_of, (), "c"),
]
