#!/usr/bin/env python3
"""first_sentences.py: whole sentences by hand, before move.py, on paths and words as main has them: old -> new. A comment over several lines
counts as one. A sentence that is not found is said as CHECK and left. Stages nothing; run it first, on a clean checkout."""
import os, re, subprocess
from pathlib import Path
I, S, V, P = "include/peregrine/", "src/engine/store/", "src/provision/", "src/pipeline/"
SENTENCES = {
    I + "pipeline.h": [
        ("The whole way from pictures to objects, in ten lines:", "A Pipeline runs models over images and videos and delivers the objects that they find. An example:"),
        ("Model files or folders of engines, run side by side over each picture; none: what is in service in the store.",
         "Model files or engine folders, which all run over each image; empty: the deployed engines of the store."),
        ("What became of a picture or frame: a result or an error, never both. The end of a video has neither.",
         "The result of an image or frame: objects or an error, never both. The end of a video has neither."),
        ("Return false to stop after this outcome.", "The callback returns false to stop after this result."),
        ("Takes the models' engines out of Settings::store, where they are built, verified and kept the first time (an empty path: built anew each time, not verified). The place of the start-up enforcement: with FORCE_GPU_ONLY and no CUDA device it throws \"enforcement.device\" before any model is read.",
         "Gets the models' engines from the cache in Settings::store, which builds, validates and stores them the first time (an empty path: engines are built each time and not validated). The constructor applies the start-up enforcement: with FORCE_GPU_ONLY and no CUDA device it throws \"enforcement.device\" before it reads any model. A Pipeline is not thread-safe: one thread calls it at a time; several pipelines of one process do not disturb each other."),
        ("Pictures that the caller has decoded, in host memory or in that of the pipeline's device, which must stay as they are until this returns. Results in the same order. Throws \"device.stream\" for a stream of another device.",
         "Runs over images that the caller has decoded, in host memory or in that of the pipeline's device. The images must stay unchanged until the call returns. The results have the order of the images. Throws \"device.stream\" for a stream of another device."),
        ("in order; the next pictures are decoded while these run. One that fails costs only itself. Returns how many outcomes were delivered.",
         "in order. The next images are decoded while these run. An image that fails costs only itself. Returns the number of delivered results."),
        ("What the sources of the last such run hold and was not run; the log says it too.", "Returns what the sources of the last such run hold and the run left out; the log says it as well."),
    ],
    I + "migrate.h": [
        ("The move of a working pipeline from PyTorch to engines: checked, built, validated, compared, switched over, reversible.",
         "A Migrator moves a working PyTorch pipeline to engines: it checks, builds, validates, compares and switches over, and can roll back. An example:"),
        ("Each leaves its result in the store: a run that was cut short goes on where it stopped, and what is still valid is not done again. Until the switch, which is one rename, what was in service stays in service.",
         "Each step stores its result: an interrupted run continues where it stopped and repeats nothing that is still valid. Until the switch, which is one rename, the deployed engines stay deployed."),
        ("What was there before a migration.", "The state that a migration found and a rollback restores."),
        ("What fails on the way is in the report: an unreadable model, a failed validation, a missing device, a full disk. Throws Error \"usage.models\" without models, \"store.busy\" while another migration runs on this store, and \"interrupted\".",
         "Runs all steps. The report contains what fails on the way: an unreadable model, a failed validation, a missing device, a full disk. Throws Error \"usage.models\" without models, \"store.busy\" while another migration runs on this store, and \"interrupted\". A Migrator is not thread-safe."),
        ("Newest first.", "Lists the backups, newest first."),
        ("Puts back what a backup kept (the newest without a number): engines, settings file, what is in service. All of it is checked by digest first. Returns what was done, a sentence each. Throws Error \"store.backup\", \"store.damaged\", \"store.busy\".",
         "Restores a backup (the newest without a number): engines, settings file, deployment. It checks all of it by digest first. Returns one sentence for each thing that it did. Throws Error \"store.backup\", \"store.damaged\", \"store.busy\"."),
    ],
    I + "image.h": [
        ("Pictures as the pipeline passes them on: 8-bit, three interleaved channels, rows `pitch` bytes apart.",
         "Images in host or device memory: 8 bits a channel, three interleaved channels, rows `pitch` bytes apart. The types are plain data: they throw nothing, and copies may be used by any thread."),
        ("A picture that somebody else owns, in host or device memory. 1 <= width, height.", "A view of an image that somebody else owns, in host or device memory. 1 <= width, height."),
        ("Device memory: the CUDA stream whose work so far writes the picture; null where it has been written.",
         "For device memory, the CUDA stream whose work so far writes the image; null where it has been written."),
        ("A picture in host memory, dense rows. Decoders give BGR, as OpenCV does.", "An image in host memory with dense rows. Decoders return BGR, as OpenCV does."),
    ],
    I + "error.h": [("The one error type of the library. Library code never prints, exits or aborts: it throws Error.",
                     "Error is the one exception type of the library. Library code never prints, exits or aborts: it throws Error.")],
    I + "model_info.h": [("What a model is, independent of the engine that runs it.", "ModelInfo describes a model independently of the engine that runs it. It is plain data."),
                         ("The inverse; nothing for any other text.", "Parses what to_string() returns; nullopt for any other text.")],
    I + "precision.h": [("The inverse; nothing for any other text.", "Parses what to_string() returns; nullopt for any other text.")],
    I + "results.h": [("What comes out of the pipeline. All coordinates are pixels of the original image.",
                       "Results of a Pipeline as plain data. All coordinates are pixels of the original image, all times milliseconds unless named otherwise."),
                      ("Inverse; throws Error \"image.mask\" on a malformed string.", "Parses COCO's compressed string. Throws Error \"image.mask\" for a malformed one."),
                      ("A step that ran on the CPU although a GPU was wanted. Under FORCE_GPU_ONLY there are none: it is an error.",
                       "A step that ran on the CPU although a GPU was requested. Under FORCE_GPU_ONLY such a step is an error instead."),
                      ("What a source holds and was not run, by kind:", "The files of a source that a run left out, counted by kind:")],
    I + "settings.h": [("Settings of a pipeline: file, then environment (PEREGRINE_ + NAME), then flags; later wins.",
                        "Settings of a pipeline. load_settings() reads the file, then the environment (PEREGRINE_ + NAME), then flags; the later one wins."),
                       ("How far an engine may depart from the FP32 reference, object by object: [limits] in the settings file.",
                        "How far an engine may deviate from the FP32 reference, object by object: [limits] in the settings file."),
                       ("One row of the settings table: the only place that knows a setting's name, meaning and syntax.",
                        "A row of the settings table, the only place that knows a setting's name, meaning and syntax."),
                       ("A setting's value and where it came from:", "A setting's effective value and its origin:")],
    I + "tensor.h": [("Vendor-free description of memory: where it is, what it holds, how it is laid out.",
                      "Vendor-free descriptions of memory: device, element type, shape and strides. The types are plain data and own nothing."),
                     ("Memory that somebody else owns. `shape` is always logical (NCHW for feature maps); the layout is in `strides`. Never frees.",
                      "A view of memory that somebody else owns. `shape` is always logical (NCHW for feature maps); `strides` hold the layout.")],
    I + "migration_report.h": [
        ("What a migration did and found: plain data, for a page (Migrator writes it), for JSON, or for a program of your own.",
         "A Report says what a migration did and found. It is plain data, for the HTML page, for JSON, or for a program of your own."),
        ("How far a layer's output lies from the reference's.", "How far a layer's output deviates from the reference's."),
        ("A picture as both engines saw it: JPEG files.", "An image with the results of both engines drawn on it, as JPEG files."),
        ("An engine that this machine builds and cannot run, kept in the store for one that can.", "An engine that this machine can build but not run; the store keeps it for a machine that can."),
    ],
    S + "store.h": [
        ("Engines on disk, and which of them are in service.", "The store keeps engines on disk and records which of them are deployed."),
        ("held (flock) by whoever changes an engine, or what is in service; locks/migrate: by a migration", "locks (flock): engines, deployment; locks/migrate: a migration"),
        ("what is in service", "the deployment: which engine has which task slot"),
        ("what was in service before", "earlier deployments"),
        ("The machine as an engine meets it: from Builder::library_versions(), Builder::device_name() and the driver.", "What an engine depends on in the machine: Builder::library_versions(), Builder::device_name() and the driver."),
        ("One state of what is in service.", "A deployment: which engine has which task slot since when."),
        ("The engine, from the store or built now: two processes that want the same one build it once, and the second waits (`waiting` is told) and takes what the first made. `rebuild` builds in any case; the old engine stays until the new one takes its place.",
         "Gets the engine from the store, or builds it: of two processes that request the same engine one builds it, and the other waits (`waiting` is called) and takes it. `rebuild` builds in any case; the old engine stays until the new one replaces it."),
        ("Nothing in service: generation 0 without roles.", "The active deployment; number 0 without task slots where nothing is deployed."),
        ("Puts engines into service, each for its model's task; other roles stay. All of them are checked first (intact, validated unless `trust` says otherwise). Returns the new state.",
         "Deploys engines, each in the task slot of its model; the other task slots stay. It checks all of them first (intact, and validated unless `trust` says otherwise). Returns the new deployment."),
        ("Puts exactly these into service, and whatever else was out of it; none at all: nothing is in service. Does nothing where they are in service already. Each engine must be there and intact; a record of its validation is not asked for.",
         "Deploys exactly these engines and no other; an empty map deploys nothing. It does nothing where they are deployed already. Each engine must exist and be intact; it needs no validation record."),
        ("Makes a kept generation current again; without a number, the one before the current.", "Makes an earlier deployment active again; without a number, the one before the active one."),
        ("What is in service. Each switch is one rename, and keeps the state before it as a generation.", "Deployments. Each switch is one rename and keeps the deployment before it."),
        ("Throws \"store.in_use\" for an engine that is in service, or that a kept generation names (unless `force`).", "Throws \"store.in_use\" for an engine that is deployed, or that an earlier deployment names (unless `force`)."),
    ],
    V + "engine_choice.h": [
        ("Which engine serves, on which device, in which precision; the start-up enforcement.", "Chooses the engine, its device and its precision, and applies the start-up enforcement."),
        ("Applies the rules of the design (\"Engine auto\").", "Resolves an engine's name: \"auto\" is TensorRT where it is usable, else cuda, on a GPU, and OpenVINO without one."),
    ],
    V + "engine_file.h": [
        ("Engines of TensorRT in Ultralytics' layout: run as they are, and made.", "TensorRT engines in Ultralytics' file layout: the project runs them as they are, and writes them."),
        ("The model is such a file: only TensorRT can run it, nothing else can be made of it, and nothing says how far it departs.",
         "Whether the model is such a file. Only TensorRT can run it, no other engine can be built of it, and nothing says how far it deviates."),
    ],
    V + "head_agreement.h": [("Raw head tensors of an engine beside those of the reference: how alike they are as numbers.", "Compares the raw head tensors of an engine with those of the reference, number by number.")],
    V + "object_parity.h": [("What an engine's head tensors mean, beside what the reference's mean: object by object.", "Compares the objects of an engine's head tensors with those of the reference's, object by object.")],
    V + "provision.h": [
        ("An engine for a model, out of the store: built, held against the FP32 reference and kept the first time.", "Gets a model's engine from the cache, or builds it, validates it against the FP32 reference and stores it."),
        ("A model file, or the folder of an engine (in the store, or a copy of it): such a model knows what it is, but has no graph.", "Opens a model file or an engine's folder (in the store, or a copy of it); of the latter the model has a ModelInfo but no graph."),
        ("The model is an engine's folder.", "Whether the model is an engine's folder."),
        ("What obtain() looks for, or builds. Throws as prepare_graph() does.", "The identity that obtain() looks for, or builds. Throws as prepare_graph() does."),
        ("Compares a kept engine with the reference; its record stays as it is.", "Validates a cached engine against the reference; its record stays unchanged."),
        ("The same, and replaces the record.", "Validates a cached engine and replaces its record."),
    ],
    V + "verification.h": [("Holds an engine against the FP32 reference before it serves.", "Validates an engine against the FP32 reference before it is deployed."),
                           ("none: nobody is asked.", "null: there is no independent program."),
                           ("judged instead, by cosine, and the record says so.", "compared instead, by cosine, and the record says so."),
                           ("and an independent program is heard where there is one (witness.h):", "and an independent program is compared where there is one (witness.h):")],
    V + "plausibility.h": [("Whether decoded heads can be what a detector sees.", "Checks that decoded heads can be what a detector finds.")],
    P + "batch_runner.h": [
        ("A picture that comes in: as a file's bytes, or as pixels that somebody has decoded.", "An input image: the bytes of a file, or decoded pixels."),
        ("What became of a frame: a result, or an error that concerns it alone.", "The result of a frame, or an error that concerns it alone."),
        ("A batch that prepare() has begun with; the memory that its frames speak of stays until it is gone.", "A batch that prepare() has started; the memory of its frames must stay until finish() has returned."),
    ],
    P + "build_engine.h": [("A model's engine: out of the store where the choice names one, else built.", "Gets a model's engine from the store where the context names one, and builds it otherwise.")],
    P + "cpu_runner.h": [("The CPU's runner: host memory throughout. Serves only when FORCE_GPU_ONLY is off.", "The CPU's runner keeps everything in host memory. It runs only when FORCE_GPU_ONLY is off."),
                         ("`fallbacks`: why the CPU serves, for RunInfo.", "`fallbacks`: why the CPU runs, for RunInfo.")],
    P + "feed.h": [("What comes out of the sources, in batches: files of pictures, read and where needed decoded, and frames of videos.", "Loads the sources in batches: image files, which it reads and decodes where the runner does not, and frames of videos."),
                   ("A picture or frame on its way through the pipeline; with `error` it is none; with `video->ended` neither.", "An image or frame on its way through the pipeline; an error with `error`, the end of a video with `video->ended`."),
                   ("One caller at a time, except for stop().", "One thread calls it at a time, except for stop().")],
    P + "gpu_frames.h": [("Pictures on their way into device memory: compressed where the GPU decodes them, as pixels otherwise.", "Brings images into device memory: compressed where the GPU decodes them, as pixels otherwise."),
                         ("Device memory for the pictures of one batch; grows with them. A runner has two: one is filled while the other is read.", "Device memory for the images of a batch, which grows with them. A runner has two: it fills one while it reads the other.")],
    P + "gpu_reid.h": [("Embeddings on the GPU: persons are cut out of the original pictures in device memory and run in rounds.", "Computes embeddings on the GPU: crops the persons from the original images in device memory and runs them in crop batches."),
                       ("One engine a capacity; a round takes the smallest that holds the persons left, so that none is dropped.", "There is one engine for each batch bucket; a crop batch takes the smallest bucket that holds the remaining persons, so that none is dropped."),
                       ("Enters what the last run wrote to the host into the ledger.", "Enters what the last run wrote to the host into the transfer log.")],
    P + "gpu_runner.h": [("The GPU's runner: pictures are decoded into device memory, and everything up to the final results stays there.", "The GPU's runner decodes images into device memory, where everything up to the final results stays."),
                         ("Makes the runner that serves where a GPU step fails and FORCE_GPU_ONLY is off.", "Makes the runner that takes over where a GPU step fails and FORCE_GPU_ONLY is off.")],
    P + "gpu_shape.h": [("All detectors at one input size each: the inputs they share, their branches, and the graphs recorded of them.", "A batch session: all detectors at one input size each, the inputs that they share, their branches, and the CUDA graphs recorded of them.")],
    P + "gpu_shapes.h": [("The detectors of a run at every input size that its pictures ask for: one size, or, for --rect, one a picture's proportions.", "A cache of batch sessions, one for every input size that the images need: a single one, or with --rect one for each aspect ratio."),
                         ("rect only: what other sizes take their choices from", "rect only: the plan whose tactics other sizes take")],
    P + "model_engine.h": [("One model with its engine, in host memory: runs an input tensor, hands out the head tensors.", "A model with its engine, in host memory: it runs an input tensor and returns the head tensors.")],
    P + "person_embedder.h": [("ReID alone: persons in host memory to embeddings in host memory, the way a pipeline does it with those that a detector found.", "Runs ReID alone, from persons in host memory to embeddings in host memory, as a pipeline does with those that a detector found.")],
    P + "result_json.h": [("The JSON of results: the one place that knows its schema (design, \"Output of --json\").", "Writes results as JSON: the one place that knows the schema (docs/outputs.md)."),
                          ("A picture, frame or whole source that gave no result.", "An image, frame or whole source without a result.")],
}

C = "src/engine/cuda/"
SENTENCES.update({
    C + "queue.h": [
        ("Where work is enqueued.", "LaunchContext says where a kernel is enqueued, and how it overlaps with its neighbours on the stream."),
        ("A stream, and how a kernel meets its neighbours there (programmatic dependent launch). Stands for the stream wherever one is asked for.",
         "A stream, and the programmatic dependent launch (PDL) of a kernel on it. It converts to the stream."),
        ("It may start while its predecessor still runs: then it waits for it itself, before it touches memory that others write.",
         "The kernel is a PDL secondary: it may start while its predecessor still runs, and executes griddepcontrol.wait before it touches memory that others write."),
        ("Its successor does the same, and may be let in early. Nobody else may: kernels of cuDNN and cuBLASLt ask to be let in, too, and some read what their predecessor writes before they wait.",
         "The kernel triggers its dependents (griddepcontrol.launch_dependents). This is set only where the successor is a PDL secondary of ours: kernels of cuDNN and cuBLASLt use PDL as well, and some read what their predecessor writes before they execute the wait."),
        ("For a kernel of a step that has another one of the same step behind it.", "Returns the context of a kernel that another kernel of the same step follows."),
    ],
    C + "schedule.h": [
        ("Lanes: which steps run side by side, what each waits for, and which start before their predecessor is done.",
         "The schedule of a plan: which steps run concurrently, what each depends on, and which use programmatic dependent launch."),
        ("Earlier steps that step `index` must not overtake: they write what it reads or writes, or read what it writes.",
         "Returns the earlier steps that step `index` depends on: they write what it reads or writes, or read what it writes."),
        ("Assigns every step a lane (at most `max_lanes`) and its waits, by the plan's order and estimated times. Buffers of the arena need no offsets yet: they are still taken to be apart.",
         "Assigns every step a stream (at most `max_streams`) and its dependencies, by the plan's order and estimated times. Buffers of the arena need no offsets yet: the function assumes that they do not overlap."),
        ("How a kernel meets its predecessor.", "Whether and how a kernel uses programmatic dependent launch (PDL)."),
        ("it starts when that one is done", "the kernel starts when its predecessor is done"),
        ("where told to (Queue::dependent) it asks to be let in while that one still runs, and waits for it itself", "a PDL secondary where LaunchContext::pdl_secondary says so; executes the grid-dependency wait"),
        ("a library's: asks whether told to or not, and may read before it waits", "a library's kernel, always a PDL secondary; may read before it executes the wait"),
        ("a library's, which asks whether told to or not, and waits itself", "a library's kernel, always a PDL secondary; executes the wait before it reads"),
        ("By step: whether it starts before its predecessor on the lane is done, and whether it lets its successor do so.", "By step: whether it is a PDL secondary, and whether it triggers its successor."),
        ("One may start early that waits itself and has nothing else to wait for: what it must not overtake is the predecessor alone, and what that one has waited for. Kernels that come unasked make two exceptions. A step lets nobody in for which one of another lane waits: that would come as well. And a library's kernel with an `unasked` one behind it starts in order: whether it lets that in before it has waited is not known.",
         "A step is a PDL secondary when its kernel executes the grid-dependency wait and the step depends on nothing but its predecessor on the stream, and on what that one waited for. Implicit PDL makes two exceptions: a step triggers nothing when a step of another stream depends on it, because that one would be triggered as well; and a library's kernel that an implicit one follows starts in order, because it may trigger that one before it has executed its own wait."),
        ("What is surely done when a step starts, by the plan's lanes and waits.", "The happens-before relation of a plan's steps, by its streams and dependencies."),
        ("Step `earlier` is done before step `later` starts.", "Whether step `earlier` is done before step `later` starts."),
    ],
    C + "waiting.h": [
        ("Whether a kernel that is let in early waits for its predecessor. Those of cuDNN and cuBLASLt ask to be let in (programmatic dependent launch); which of them wait before they read or write is not documented.",
         "The PDL probe finds out whether a PDL secondary executes the grid-dependency wait. Kernels of cuDNN and cuBLASLt are launched as secondaries; which of them wait before they read or write is not documented."),
        ("`enqueue` puts the step's kernels on the bench's stream, with `workspace` as their scratch memory; the bench keeps what they should compute. They run behind a kernel that lets them in at once and writes all that they read, what they write, and their scratch memory much later; in a graph and without, as both occur in service. Only who waited for it leaves the right result, within `tolerance`. False, too, where the trial shows nothing, as a kernel passed it that surely does not wait.",
         "`enqueue` enqueues the step's kernels on the bench's stream, with `workspace` as their scratch memory; the bench keeps the result that they should compute. They follow a kernel that triggers them at once and writes all that they read, what they write, and their scratch memory much later; the probe runs in a CUDA graph and without one, as both occur in production. A kernel leaves the right result, within `tolerance`, only if it executes the wait. The probe also returns false where it proves nothing, because a kernel passes that certainly does not wait."),
    ],
    C + "step_bench.h": [
        ("Memory for one step of a plan by itself, so that its candidates can be run, compared and timed.", "A StepBench holds the memory of one step of a plan, so that its tactics can be run, compared and timed alone."),
        ("Makes all that the step touches NaN, and the workspace.", "Fills all that the step touches, and the workspace, with NaN."),
        ("One kernel that lets its successor in as soon as it runs itself, and restores all of it, the workspace NaN, much later.",
         "Enqueues one kernel that triggers its dependents at once and restores all that the step touches, the workspace as NaN, much later."),
        ("One kernel that asks to be let in early, and writes the reference's result without waiting for anything.",
         "Enqueues one kernel that is a PDL secondary and writes the reference's result without the grid-dependency wait."),
        ("Why the result is not the reference's, which it may miss by `tolerance` of its largest value; empty when it is. Waits.",
         "Returns how the result deviates from the reference's by more than `tolerance` of its largest value; empty when it does not. Synchronises the stream."),
    ],
    C + "kernel.h": [
        ("How a step of a plan becomes work on a stream. A kernel family is plain data: what it can run in which variants, and how one of them is made ready. The tuner chooses among all candidates of all families; the executor runs the chosen ones. families.cpp lists them, the file of a family (kernels/*.cu, cudnn_conv.cpp) makes it.",
         "A kernel provider turns a step of a plan into work on a stream. It is plain data: it enumerates the tactics for a step and instantiates one of them. The tuner selects among the tactics of all providers; the executor runs the selected ones. kernel_providers.cpp lists the providers, whose own files (kernels/*.cu, cudnn_conv.cpp) define them."),
        ("Where the buffers of a plan lie while it runs.", "The addresses of a plan's buffers while it runs."),
        ("What kernels are chosen and made ready for.", "The device and the libraries that tactics are instantiated for."),
        ("Null where the library is missing: its family then has no candidates.", "Null where the library is missing: its provider then has no tactics."),
        ("A step made ready: enqueues its work on a stream; kernels that cannot start early ignore that they may. Allocates nothing, never synchronises, can be captured; throws Error when a launch is refused.",
         "An instantiated tactic: it enqueues a step's work on a stream; kernels without PDL ignore that part of the context. It allocates nothing, never synchronises and can be captured; it throws Error when a launch is refused."),
        ("Variants that can run the step, the most promising first; empty: it does not serve such steps. Their `candidate` is filled in by candidates().",
         "Enumerates the tactics for a step, the most promising first; empty where the provider supports no such step. tactics_for() fills in their `provider`."),
        ("Makes a variant ready. Throws Error \"engine.kernel\" when it turns out not to serve the step after all; may complete `choice` (its payload and workspace).",
         "Instantiates a tactic and may complete it (payload and workspace). Throws Error \"engine.kernel\" where the step turns out not to be supported."),
        ("A choice of a family that has variants.", "A tactic with parameters."),
        ("All families; an earlier one is preferred where nothing is tuned, the last one that serves a step is its reference: slow, simple, and what the others are compared with.",
         "All providers. An earlier one is preferred where nothing is tuned; the last one that supports a step is its reference: slow, simple, and what the others are validated against."),
        ("Candidates of all families for a step, in the families' order.", "The tactics of all providers for a step, in the providers' order."),
        ("Makes the step's choice ready; an empty choice is replaced by the default.", "Instantiates the step's tactic; an empty tactic is replaced by the default."),
        ("How the kernels of a choice that was made ready meet their predecessor.", "The PDL mode of the kernels of an instantiated tactic."),
    ],
    C + "executor.h": [
        ("Runs a plan: owns its memory and the kernels made ready, enqueues the steps on lanes.", "The Executor runs a plan: it owns the plan's memory and instantiated kernels, and enqueues the steps on streams."),
        ("Whether steps start before the one before them on their lane is done, where nothing else is asked for: at batch 1, where it pays",
         "Whether steps use programmatic dependent launch where the options leave it open: at batch 1, where it pays"),
        ("A step without waits may start before the one before it on its lane is done, where the GPU can (compute capability 9.0) and its kernel waits itself. Unset: starts_early().",
         "A step without dependencies becomes a PDL secondary where the GPU supports it (compute capability 9.0) and its kernel executes the grid-dependency wait. Unset: uses_pdl()."),
        ("Not for several threads at once; several executors of one process do not disturb each other.", "One thread uses an Executor at a time; several executors of one process do not disturb each other."),
        ("Uploads the weights and makes every step ready; empty choices are replaced by defaults. The device of `target` must be current. Waits for the upload.",
         "Uploads the weights and instantiates every step's tactic; empty tactics are replaced by defaults. The device of `target` must be current. The constructor waits for the upload."),
        ("One step alone, for measuring; the bindings are those of the last enqueue.", "Enqueues one step alone, for measuring, with the bindings of the last enqueue()."),
        ("How many steps may start early.", "The number of steps that are PDL secondaries."),
        ("Arena, weights and workspaces.", "The device memory of arena, weights and workspaces."),
    ],
    C + "tuner.h": [
        ("Choosing the fastest candidate: a state machine without a clock. It asks for measurements, the caller answers; every round measures all candidates that are left, one after another, with warm and with cold caches, so that a drift of the clock rate hits all alike.",
         "The Tuner selects the fastest tactic. It is a state machine without a clock: it requests measurements, and the caller records them. Every round measures all remaining tactics one after another, with warm and with cold caches, so that a drift of the clock rate affects all of them alike."),
        ("What to measure next; nothing when the choice is made.", "The next measurement; nullopt when nothing is left to measure."),
        ("The time that the last question took. Any unit.", "Records the time of the last request, in any unit."),
        ("The last question's candidate is out: it failed or computed something else.", "Disqualifies the tactic of the last request: it failed or computed a wrong result."),
        ("The fastest so far; nothing when all were rejected or none was measured.", "The fastest tactic so far; nullopt when all are disqualified or none was measured."),
        ("Mean of the median warm and the median cold time.", "The mean of a tactic's median warm and median cold time."),
        ("Still in the race.", "The number of tactics that are not disqualified."),
    ],
    C + "tuning.h": [
        ("Fills in the choices of a plan by measuring on the device.", "Tuning fills in the tactics of a plan by measuring on the device."),
        ("One candidate of one kind of step, as measured.", "The measurement of one tactic for one kind of step."),
        ("why, empty when it was in the race", "why it was not measured; empty when it was"),
        ("Narrows a step's candidates, from earlier measurements; the last one, the reference, must stay. Absent: all race.", "Reduces a step's tactics by earlier measurements; the last one, the reference, must stay. Null: all are measured."),
        ("Measures every signature once and fills in `choice` of all steps that share it; then merges the pairs that are faster as one step (pairs.h), which changes the plan's steps. A candidate may win only when its result agrees with that of the step's reference; of a library's that wins it is tried whether it waits for its predecessor (Choice::waits). The device of `target` must be current.",
         "Measures every signature once and fills in `tactic` of all steps that share it; then fuses the pairs of convolutions that are faster as one step (conv_pairs.h), which changes the plan's steps. Only a tactic whose result agrees with that of the step's reference is selected; a library's tactic that is selected goes through the PDL probe (Tactic::honors_pdl_wait). The device of `target` must be current."),
        ("Runs the chosen kernel of every signature against the step's reference. Throws Error \"engine.plan\" naming the first step that differs. Tries again whether those wait that did, and takes it back from the others.",
         "Validates the selected tactic of every signature against the step's reference. Throws Error \"engine.plan\" naming the first step that deviates. It repeats the PDL probe of tactics that passed it, and clears honors_pdl_wait where they no longer do."),
    ],
    C + "adopt.h": [
        ("Choices for a shape that was never tuned (predict --rect): those of a tuned plan of the same model for another shape.",
         "Tactic transfer gives a shape that was never tuned (predict --rect) the tactics of a tuned plan of the same model for another shape."),
        ("Gives every step of `plan` the choice of the step of `tuned` that has its name and kind, without what holds for one shape only (payload, workspace, time, whether it waits). Steps that `tuned` lacks keep an empty choice. Returns how many were adopted. A kernel may still refuse the other shape when it is made ready: the caller then falls back to an empty choice.",
         "Gives every step of `plan` the tactic of the step of `tuned` that has its name and kind, without what holds for one shape only (payload, workspace, time, honors_pdl_wait). Steps that `tuned` lacks keep an empty tactic. Returns the number of transferred tactics. A tactic may still not support the other shape when it is instantiated: the caller then falls back to an empty one."),
    ],
    C + "pairs.h": [
        ("Two steps as one: bottlenecks, and depthwise convolutions with the 1x1 convolution behind them. Whether that is faster depends on the map and the GPU, so that lowering makes the convolutions and the tuner decides afterwards, with this rewrite of the plan.",
         "Conv-pair fusion merges two steps into one: bottlenecks, and depthwise convolutions with the 1x1 convolution behind them. Whether the fused step is faster depends on the map and the GPU: lowering emits the two convolutions, and the tuner decides afterwards, with this rewrite of the plan."),
        ("Which pairs to take; told the steps of the two convolutions, whose choices may be gone already: the pair before may have moved what they read.",
         "Selects the pairs to fuse. It gets the steps of the two convolutions, whose tactics may be empty already: the fusion of an earlier pair may have moved what they read."),
        ("The pairs that took less time as one step than as two: of a plan without any, and of the same plan with all of them, both measured. What has no time was not in the race.",
         "The pairs that took less time as one step than as two, of a plan without fused pairs and of the same plan with all of them, both measured. A step without a time was not measured."),
        ("The pairs that another plan of the graph has as one step.", "The pairs that another plan of the graph has fused."),
    ],
    C + "kernels/only_variant.h": [
        ("What most families offer: one kernel for every step of a kind.", "The enumeration of most providers: one tactic for every step of a kind."),
        ("KernelFamily::candidates of a family that serves all steps of kind S in one way.", "KernelProvider::enumerate_tactics of a provider that supports all steps of kind S with one tactic."),
    ],
    C + "kernels/families.h": [("The families that there are, each defined in the file of its kernels.", "All kernel providers, each defined in the file of its kernels.")],
    C + "kernels/probe.h": [
        ("Kernels for the tuner's own use: test data, poison, and the difference of two results.", "Kernels for the tuner's own use: test data, delayed copies, and the difference of two results."),
        ("Uniform numbers in [-1, 1), the same for the same seed. f16 or f32.", "Fills `data` (f16 or f32) with uniform numbers in [-1, 1), the same for the same seed."),
        ("Into device memory `result`, which is reset first. Elements with equal bits do not differ.", "Writes the difference into device memory `result`, which it resets first. Elements with equal bits do not differ."),
        ("Lets the next kernel of the stream in at once where that asks for it, and copies when it has had the time to go wrong: some hundred microseconds later.",
         "Triggers the stream's dependent launch at once and copies some hundred microseconds later, when a kernel that does not wait has already read the old bytes."),
        ("Asks to be let in early, and copies without waiting for its predecessor.", "Copies as a PDL secondary, without the grid-dependency wait."),
    ],
    C + "kernels/probe.cu": [("Leaves most multiprocessors to a kernel that is let in.", "Few blocks, which leave most multiprocessors to the dependent launch.")],
    C + "kernels/launch.cuh": [
        ("Launching a kernel that may start before its predecessor is done.", "Launches with programmatic dependent launch (PDL), and the device side of it."),
        ("Waits until the predecessor is done, and with it all before it, which it waited for in the same way; then lets a successor start that waits here in its turn.",
         "It waits until the predecessor is done, and with it all that the predecessor waited for in the same way; then it triggers the successor, which executes the same wait."),
        ("The attribute of a launch that lets a kernel start early.", "The launch attribute of a PDL secondary."),
    ],
    C + "cutlass/lets_nobody_in.h": [
        ("CUTLASS's products let the next kernel of the stream in while they still write, whoever it is; those of cuDNN and cuBLASLt then read too early (Queue::followed). Here they let nobody in before they are done; included before anything of CUTLASS.",
         "CUTLASS's GEMMs trigger their dependents while they still write, whatever kernel follows; kernels of cuDNN and cuBLASLt then read too early (LaunchContext::pdl_trigger). This header makes the trigger do nothing, so that dependents start when the GEMM is done; it is included before anything of CUTLASS."),
    ],
    C + "cutlass/window.cuh": [("This kernel does not wait for its predecessor: it must not start early.", "This kernel executes no grid-dependency wait: it must not be a PDL secondary.")],
    C + "lowering/draft.h": [
        ("A plan on its way: steps over values of the graph, before anything has a place in memory. The table makes one draft a node, fusions merge drafts, storage and emission turn them into steps.",
         "LoweredOp is a step over values of the graph, before any value has a place in memory. The table makes one op for each node, fusions merge ops, storage and emission turn them into steps."),
        ("One future step, or a view, which costs nothing if it can be had as strides.", "A future step, or a view, which costs nothing where strides can express it."),
        ("All drafts in topological order, with the questions that fusions ask.", "All ops in topological order, with the queries that fusions need."),
        ("Nobody but one reader sees the value: a fusion may swallow it.", "Whether the value has a single use: a fusion may remove it."),
        ("Puts `merged` in the place of draft `at` and removes it and the drafts `swallowed`. Indices change.", "Replaces op `at` by `merged` and removes the ops `fused`. Indices change."),
    ],
    C + "tuning.cpp": [
        ("A candidate made ready, with the graph that times it warm.", "An instantiated tactic, with the CUDA graph that times it with warm caches."),
        ("Lets a candidate into the race when it runs and computes the same as the reference.", "Validates a tactic: it runs, and its result agrees with the reference's."),
        ("what a kernel gains by it counts, as in service", "PDL is part of the measured time, as in production"),
        ("Steps that ask the same of a kernel, in the order in which they appear first.", "Groups the steps by signature, in the order of their first steps."),
    ],
    C + "separate.cpp": [
        ("With the kernel that serves every shape.", "Instantiates the tactic that supports every shape."),
    ],
    C + "matrix_view.h": [("1x1 convolutions and linear layers as matrix products, for the libraries that only know those.", "Views 1x1 convolutions and linear layers as GEMMs, for the libraries that only know those.")],
    C + "strided.h": [("Arithmetic of strided views: what costs no copy.", "Arithmetic of strided tensor views, which need no copy.")],
    C + "compute_90.h": [("What the kernels of compute capability 9.0a have in common.", "The condition under which the kernels of compute capability 9.0a run.")],
    C + "cuda_engine.h": [("A loaded plan as an Engine.", "CudaEngine is the Engine of a loaded plan.")],
    C + "plan_check.h": [("Whether a plan can run at all: said of a lowering by tests, and of a file by its reader, before any address is computed.",
                          "Checks that a plan can run at all; tests check lowered plans, and the reader checks a plan file before it computes any address.")],
    C + "hopper/tiles.h": [("Where a warpgroup's chunks lie; who fetches and who computes walk the same way.", "The stage of a warpgroup's current k tile and its phase parity; producer and consumer advance it in the same way.")],
    C + "hopper/instructions.cuh": [("Counts bytes that arrive, or threads.", "The producer's barrier counts arriving bytes, the consumers' counts arriving threads.")],
    C + "hopper/window_of_three.h": [("The window that the kernels of this folder know.", "The 3x3 convolutions that the kernels of this folder support.")],
    C + "hopper/residency.h": [("How much of a multiprocessor the persistent kernels beside take.", "The shared-memory budget of the persistent kernels of this folder.")],
})

B, D, R = "src/base/", "src/decode/", "src/render/"
PP, MO, MG = "src/postprocess/", "src/model/", "src/migrate/"
SENTENCES.update({
    B + "child.h": [("Another program, run to its end or to a time limit.", "Runs another program to its end or to a time limit.")],
    B + "geometry.h": [("Where a picture lies inside the model's input: written by preprocess, read by postprocess.", "Geometry says where an image lies inside the model's input; preprocess writes it, postprocess reads it.")],
    B + "image_format.h": [("Which image format a file is, told by its first bytes: one table for what is read and what is refused by name.", "Detects an image format by a file's first bytes, with one table for the formats that are read and those that are refused by name.")],
    B + "memory_error.h": [("Memory that ran out, whoever noticed it: one sentence about memory, and what to do about memory.", "The error for exhausted memory, whoever noticed it: one sentence and one hint about memory.")],
    B + "read_whole_file.h": [("A file's bytes, for those who have nothing to say about why there are none.", "Reads a whole file, for callers that need no reason where it fails.")],
    B + "turn.h": [("Cameras are held in eight ways; files note which.", "Applies the EXIF orientation of an image."),
                   ("The picture as it is meant to be seen: turned and mirrored by its EXIF orientation (1 to 8; others do nothing).", "Returns the image rotated and mirrored by its EXIF orientation (1 to 8; other values change nothing).")],
    "src/source/address.h": [("What an argument is, by its words alone.", "Classifies a source argument by its text alone.")],
    "src/source/container_size.h": [("How long a video's file has to be, as the file itself states it: one that was cut has fewer bytes.", "Reads how long a video's file has to be, as the file itself states it: a truncated file has fewer bytes.")],
    "src/source/source.h": [("What to run on: files, folders, globs, lists, images of the web, videos and cameras.", "Expands source arguments: files, folders, globs, lists, images of the web, videos and cameras.")],
    "src/source/video.h": [("Moving pictures: files, cameras (RTSP), standard input.", "Reads videos: files, cameras (RTSP), standard input.")],
    D + "decode.h": [("Compressed picture -> 8-bit BGR pixels in host memory, as OpenCV's imread gives them", "Decodes a compressed image to 8-bit BGR pixels in host memory, as OpenCV's imread does")],
    D + "input.h": [("What every format's reader gets, and how it fails.", "The input of every format's reader, and its errors.")],
    D + "orientation.h": [("EXIF orientation: where cameras note how they were held.", "Reads the EXIF orientation of a file.")],
    D + "cuda/jpeg_decoder.h": [("JPEG on the GPU: compressed bytes go up, pixels are born in device memory. nvJPEG, loaded on use.", "Decodes JPEG on the GPU: it uploads the compressed bytes, and nvJPEG, which is loaded on use, writes pixels into device memory.")],
    D + "cuda/nvjpeg.h": [("The functions of nvJPEG that we call, loaded on use.", "The functions of nvJPEG that the decoder calls, loaded on use.")],
    "src/preprocess/crop_math.h": [("Which pixels of a picture a box covers", "Computes which pixels of an image a box covers")],
    "src/preprocess/letterbox.h": [("The letterbox: how a picture is scaled and padded to the model's input.", "The letterbox scales and pads an image to the model's input."),
                                   ("All sizes in pixels, at least 1; a picture is never resized to nothing.", "All sizes are pixels, at least 1.")],
    "src/preprocess/pixel_math.h": [("From an 8-bit channel value to the model's input", "Converts an 8-bit channel value to the model's input")],
    "src/preprocess/preprocess.h": [("Picture -> model input: resize", "Converts an image to the model's input: resize")],
    PP + "candidates.h": [("Which anchors hold something: threshold and box decode.", "Decode and threshold: finds the anchors above the confidence threshold and decodes their boxes.")],
    PP + "decode_math.h": [("From head values to scores, boxes and keypoints in input pixels", "Decodes head values to scores, boxes and keypoints in input pixels")],
    PP + "mask_plan.h": [("Where a picture's content lies among the prototypes", "A MaskPlan says where an image's content lies among the prototypes")],
    PP + "masks.h": [("Masks of one picture on the host.", "Computes the masks of one image on the host.")],
    PP + "postprocess.h": [("Head tensors -> objects in pixels of the picture. A task is data plus one file in this folder. Formulas: design, \"Exact meaning\".", "Converts head tensors to objects in pixels of the image. A task is data plus one file in this folder. The formulas are in docs/reference/algorithms.md."),
                           ("masks made at input size, see design (\"Masks, val\")", "masks computed at input size (docs/reference/algorithms.md#masks)")],
    PP + "record.h": [("The result record: what a batch leaves the GPU as. Written by kernels, read here into Detections.", "The result record holds the results of a batch. Kernels write it, and this reads it into Detections.")],
    PP + "reid_rounds.h": [("In which rounds the persons of a batch run through the ReID model: the same choice on the device and on the host.", "Crop batches divide the persons of a batch among runs of the ReID model; the device and the host choose them alike.")],
    PP + "scale_math.h": [("From input pixels back to pixels of the picture", "Converts input pixels to pixels of the image")],
    PP + "tasks.h": [("What a task adds to the boxes that survived.", "Completes the objects that NMS kept, task by task.")],
    PP + "cuda/batch.h": [("What the postprocess kernels of one batch share, and their launchers. Internal to this folder.", "The parameters that the postprocess kernels of a batch share, and their launchers. Internal to this folder.")],
    PP + "cuda/mask_tiles.h": [("How the mask kernel divides its work: tiles of 32 columns and 128 rows of a mask's window.", "The mask kernel divides its work into tiles of 32 columns and 128 rows of a mask's window.")],
    PP + "cuda/postprocess.h": [("The kernels of postprocess: head tensors of a batch in device memory -> result record,", "The kernels of postprocess convert the head tensors of a batch in device memory to a result record,")],
    R + "labels.h": [("Labels beside their boxes: inside the picture and, where there is room, not over each other.", "Places labels beside their boxes: inside the image and, where there is room, not over each other.")],
    R + "mask.h": [("A mask laid over a picture: translucent inside, with a line around it.", "Draws a mask over an image: translucent, with a contour.")],
    R + "palette.h": [("Colours that stay apart on photographs.", "Colours that are easy to tell apart on photographs.")],
    R + "render.h": [("Pictures a person would show someone: boxes with labels, translucent masks, coloured skeletons.", "Draws results onto images: boxes with labels, translucent masks, coloured skeletons.")],
    R + "video_writer.h": [("Annotated videos: H.264 where FFmpeg's library has an encoder for it, else MPEG-4.", "Writes annotated videos: H.264 where FFmpeg's library has an encoder for it, else MPEG-4.")],
    "src/engine/engine.h": [("What every engine offers: a builder that turns a graph into a plan, and a loaded plan that runs.", "The interfaces of every engine: a Builder turns a graph into a plan, and an Engine runs a loaded plan.")],
    "src/engine/host_run.h": [("An engine run once from the outside: for conformance, parity and validation, which compare numbers and do not care for time.", "Runs an engine once with tensors in host memory, for conformance, parity and validation, which compare numbers and need no speed.")],
    "src/engine/seal.h": [("A seal around a plan's bytes: what was cut short, altered or written by another engine is told before a vendor's library, which trusts its input, sees it.",
                           "A checksum envelope around a plan's bytes: truncated, altered or foreign plans are found before a vendor's library, which trusts its input, reads them.")],
    "src/engine/conformance/conformance.h": [("What every engine must compute, as data: small graphs with their tolerance, held against the reference executor.", "Conformance cases as data: small graphs with their tolerance, which every engine runs and which are validated against the reference executor.")],
    "src/engine/openvino/element_type.h": [("Types, there and back.", "Converts element types to OpenVINO's and back.")],
    "src/engine/openvino/layer_times.h": [("Where OpenVINO's time goes, layer by layer, as its own counters tell.", "Reads OpenVINO's time layer by layer from its own counters.")],
    "src/engine/openvino/lowering.h": [("From the graph to OpenVINO's operators, one at a time; its own passes do the fusing.", "Lowers the graph to OpenVINO's operators one by one; OpenVINO's own passes fuse them.")],
    "src/engine/openvino/onnx_frontend.h": [("An ONNX file as OpenVINO itself reads and runs it: none of our reader, our graph or our lowering takes part.", "Runs an ONNX file as OpenVINO itself reads it, without this project's reader, graph and lowering.")],
    "src/engine/openvino/plan.h": [("What an OpenVINO plan holds, and its bytes.", "The contents of an OpenVINO plan, and their serialisation.")],
    "src/engine/tensorrt/inspection.h": [("What the layers of a built engine became, as its inspector tells. Needs a GPU.", "Reads the layers of a built engine from its inspector. Needs a GPU.")],
    "src/engine/tensorrt/locate.h": [("Where TensorRT lies on this machine.", "Finds TensorRT on this machine.")],
    "src/engine/tensorrt/onnx_build.h": [("One ONNX file on its way to a plan: parsed, looked at, built.", "Builds a plan of an ONNX file: it parses, inspects and builds.")],
    "src/engine/tensorrt/plan.h": [("What a TensorRT plan holds, and its bytes: TensorRT's own, sealed, so that it never sees damaged ones.", "The contents of a TensorRT plan and their serialisation: TensorRT's own bytes in a checksum envelope, so that it never reads damaged ones.")],
    "src/engine/tensorrt/precision_audit.h": [("In which precision a network computes, read off the network itself: with strong typing its types bind.", "Audits the precision of a network by the network's own types, which are binding with strong typing.")],
    "src/engine/tensorrt/probe.h": [("A wrong layout crashes, and the library does not tell: so a library that was never seen before builds a network of one layer in a process of its own, reads it back, and only then serves here.",
                                     "A wrong vtable layout crashes without a message. So an unknown library first builds a network of one layer in a child process and reads it back; only then it is used in this process.")],
    "src/engine/tensorrt/tensorrt_engine.h": [("A loaded plan as an Engine.", "TensorRtEngine is the Engine of a loaded plan.")],
    "src/engine/tensorrt/version.h": [("Which TensorRT a library is, told by the number it gives.", "Parses the version number that a TensorRT library returns.")],
    "src/graph/reference.h": [("Runs a graph on the CPU, one plain loop an operator: the yardstick that engines are held against. Clear before fast, but for convolutions, whose loop decides how long a first verification takes.",
                               "Runs a graph on the CPU, one plain loop for each operator: the reference that engines are validated against. The loops are clear rather than fast, except for convolutions, which decide how long a first validation takes.")],
    MO + "finite.h": [("Weights that are no numbers.", "Rejects weights that are not finite.")],
    MO + "foreign_checkpoint.h": [("Checkpoints of other code: what they are, and what to do.", "Recognises checkpoints of other programs and says what to do with them.")],
    MO + "head_check.h": [("A raw head against what is known of the model, whatever file both come from.", "Checks a raw head against the ModelInfo, whatever file both come from.")],
    MO + "input_check.h": [("What an image offers to a model.", "Checks that a model takes images.")],
    MO + "model.h": [("A model file, read: what it is, and its graph for any input size. File formats end here.", "Reads model files: a Model has its ModelInfo and makes its graph for any input size. Nothing above it knows file formats.")],
    MO + "onnx/describe.h": [("What an ONNX file is: from its metadata, and from the shapes of its outputs.", "Describes an ONNX file by its metadata and the shapes of its outputs.")],
    MO + "onnx/export.h": [("What `peregrine export` does: a model as an ONNX file that other programs take.", "Exports a model as an ONNX file that other programs read (`peregrine export`).")],
    MO + "onnx/metadata.h": [("What an ONNX file says of itself: Ultralytics' keys among its metadata.", "Reads Ultralytics' keys among an ONNX file's metadata.")],
    MO + "onnx/single_parts.h": [("What stays FP32 in an FP16 file, and why.", "The layers that stay FP32 in an FP16 file, with their reasons.")],
    MO + "onnx/translation.h": [("What is known without the picture", "What is known without the image")],
    MO + "pickle/names.h": [("Where the names come from that a pickle mentions, and whether it may mention them.", "Classifies the names that a pickle mentions: their origin, and whether they are allowed.")],
    MO + "torch/opened_file.h": [("What both layouts of torch.save come down to.", "The common content of both layouts of torch.save.")],
    MO + "ultralytics/metadata.h": [("What a checkpoint says of itself beside its modules.", "Reads a checkpoint's metadata beside its modules.")],
    MO + "ultralytics/module_table.h": [("Which function lowers which class of module.", "The table of lowering functions by class of module.")],
    MG + "backup.h": [("What was there before a migration, kept under the store, and put back by `migrate --rollback`.", "A backup keeps the state before a migration under the store; `migrate --rollback` restores it.")],
    MG + "commands.h": [("What a reader of the report types to see its findings again.", "The commands that reproduce the findings of a report.")],
    MG + "comparison.h": [("What a model's engine is beside what it came from: speed, average precision, layers.", "Compares a model's engine with its origin: speed, average precision, layers.")],
    MG + "environment.h": [("What this machine has, what a migration needs of it, and how to mend what is missing: the table that `doctor` prints.", "The environment's table, which `doctor` prints: what this machine has, what a migration needs, and how to install what is missing.")],
    MG + "html.h": [("Pieces of a page: text made harmless, tables, charts.", "Pieces of an HTML page: escaped text, tables, charts.")],
    MG + "journal.h": [("What a migration has done so far that the store's engines do not tell themselves, in STORE/migration.json: a run that was cut short goes on from there.", "The journal, STORE/migration.json, records what a migration has done beyond the store's engines; an interrupted run continues from it.")],
    MG + "measure.h": [("A program that is run to be measured, and what it printed.", "Runs a program to measure it, and parses its output.")],
    MG + "migration.h": [("A migration on its way: what its steps share.", "The state of a running migration, which its steps share.")],
    MG + "persons.h": [("Who ReID is measured on: pictures of one person each.", "The persons that ReID is measured on: images of one person each.")],
    MG + "python.h": [("The user's own Python: is it there, with torch and ultralytics, and what does their pipeline make of the models.", "Finds the user's own Python with torch and ultralytics, and runs their pipeline over the models.")],
    MG + "pytorch.h": [("The user's own pipeline in the user's own Python: how fast it is, what it finds, how good that is.", "Measures the user's own pipeline in the user's own Python: its speed, its results and their average precision.")],
    MG + "speed.h": [("How fast an engine is beside what the user runs today: PyTorch through their own Python, or, failing that, the FP32 engine.", "Compares an engine's speed with what the user runs today: PyTorch in their own Python or, without it, the FP32 engine.")],
    "src/explain/explain.h": [("Where two engines part: one picture through both, compared step by step.", "Finds where two engines deviate: it runs one image through both and compares them step by step.")],
    "src/explain/side.h": [("One of the two: a model, the engine that runs it, and what comes out of it.", "An operand of the comparison: a model, the engine that runs it, and its results.")],
    "src/validate/category_matching.h": [("A model's classes and the categories of annotated pictures: who belongs to whom, and who to nobody.", "Matches a model's classes with the categories of annotated images.")],
    "src/validate/retrieval.h": [("How well embeddings find the same person again: each query ranks the gallery by cosine.", "Retrieval scores of embeddings: each query ranks the gallery by cosine.")],
    "src/validate/selftest.h": [("`peregrine selftest`: what the tests prove of the code, asked of this machine: does the guard raise what it must, does the engine compute what it must.", "`peregrine selftest` checks on this machine what the tests prove of the code: the GPU-only policy raises what it must, and the engine computes what it must.")],
    "src/validate/validation.h": [("How good models are on annotated pictures: COCO's average precision for detectors, retrieval for ReID models.", "Measures models on annotated images: COCO's average precision for detectors, retrieval for ReID models."),
                                  ("Detectors run as Ultralytics' val does (design, \"Exact meaning\"):", "Detectors run as Ultralytics' val does (docs/reference/algorithms.md):")],
    "src/audit/activity.h": [("What CUPTI saw the process do on its GPUs.", "The activity of the process on its GPUs, as CUPTI records it.")],
    "src/audit/audit.h": [("`peregrine audit`: what crossed between host and device for each picture once everything is warm, and whether it had to.", "`peregrine audit` counts what crosses between host and device for each image once everything is warm, and evaluates whether it had to.")],
    "src/compare/parity.h": [("Two sets of results for the same pictures, compared object by object: how far an engine, a precision or a program departs from a reference, and whether a missing object is a wrong number or only lost a tie in NMS.",
                              "Compares two sets of results for the same images, object by object: how far an engine, a precision or a program deviates from a reference, and whether a missing object is a wrong number or only lost a tie in NMS.")],
    "cli/engine_json.h": [("An engine of the store as `engines list --json` and `build --json` tell of it.", "The JSON of a store's engine, for `engines list --json` and `build --json`.")],
    "cli/failure.h": [("What was thrown, as an Error; and standard output, which may fail like any other file.", "Converts exceptions to Error, and checks standard output, which may fail like any other file.")],
    "cli/predict_outputs.h": [("What `predict` leaves behind: JSON or JSON Lines, annotated pictures and videos.", "The outputs of `predict`: JSON or JSON Lines, annotated images and videos.")],
    "cli/bench_memory.h": [("Memory as bench counts it.", "Counts memory for `bench`.")],
    "cli/bench_report.h": [("What bench measured, as a table and as JSON.", "Prints the measurements of `bench` as a table and as JSON.")],
    "cli/bench_work.h": [("What bench runs over and over: one batch.", "The batch that `bench` runs repeatedly.")],
})


DESIGN = re.compile(r'\bdesign, "(Letterbox|Resize|ReID|Head|NMS|Masks|Scale back)"(?: and "\w+")?')


def flow(old):
    return re.compile(r"[ \t]*(?:\n[ \t]*//[/!]?<?[ \t]?[ \t]*|[ \t])[ \t]*".join(map(re.escape, old.split())))


def put(text, hit, new, limit=110):
    """`new` where `hit` was, under the comment's own indent and slashes, in lines of at most `limit` columns."""
    start = text.rfind("\n", 0, hit.start()) + 1
    before = text[start:hit.start()]
    slashes = before.find("//")
    lead = re.match(r"[ \t]*///?<? ?", text[start + slashes:]).group(0).replace("<", "<") if slashes >= 0 else re.match(r"[ \t]*", before).group(0)
    lead = " " * max(slashes, 0) + lead if slashes >= 0 else lead
    width, lines = len(before), [""]
    for w in new.split():
        if lines[-1] and width + 1 + len(w) > limit:
            lines.append("")
            width = len(lead)
        width += len(w) + (1 if lines[-1] else 0)
        lines[-1] += (" " if lines[-1] else "") + w
    return text[:hit.start()] + ("\n" + lead).join(lines) + text[hit.end():]


def main(table):
    changed = missing = 0
    for path, pairs in table.items():
        if not os.path.isfile(path):
            print("CHECK no such file:", path)
            continue
        text = before = Path(path).read_text(encoding="utf-8")
        for old, new in pairs:
            hit = flow(old).search(text)
            if not hit:
                missing += 1
                print(f"CHECK {path}: not found: {old[:90]}")
                continue
            text = put(text, hit, new)
        if text != before:
            Path(path).write_text(text, encoding="utf-8")
            changed += 1
    # Formulas are in the project's own document.
    for path in subprocess.run(["git", "ls-files", "src", "include", "cli", "tests"], capture_output=True, text=True).stdout.split("\n"):
        if path.endswith((".h", ".cpp", ".cu", ".cuh")) and os.path.isfile(path):
            before = Path(path).read_text(encoding="utf-8")
            text = DESIGN.sub(lambda m: "docs/reference/algorithms.md#" + m.group(1).lower().replace(" ", "-"), before)
            if text != before:
                Path(path).write_text(text, encoding="utf-8")
    print(f"{changed} files, {missing} sentences not found")


if __name__ == "__main__":
    main(SENTENCES)
