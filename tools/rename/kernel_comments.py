#!/usr/bin/env python3
"""kernel_comments.py: the comment before each kernel: formula, layout, shared memory, barriers, use. Run after rename.py (and sentences.py).
A kernel whose definition is not found is said as CHECK; so is a kernel of the tree that stands not here. Stages everything."""
import os, re, subprocess, sys
from pathlib import Path
KER, SM = "src/engine/cuda/kernels/", "src/engine/cuda/kernels/sm90/"
POST, PRE = "src/stages/postprocess/cuda/", "src/stages/preprocess/cuda/"
NONE = "Shared memory: none."
WAIT = "Barriers: grid_dependency_wait() alone, before the first access to what other kernels write or still read."
# (file, kernel): five sentences: formula, layout, shared memory, barriers, use
KERNELS = {
    (KER + "attention.cu", "attention"): [
        "y[t] = sum over u of softmax over u (scale q[t].k[u]) v[u], for a head with 32 numbers a key and 64 a value.",
        "A warp has 16 queries; a block's `warps` warps share tiles of 64 keys and values; the grid is query blocks x heads x images.",
        "Shared memory: two stages of 64 keys (4 KiB) and 64 values (8 KiB), swizzled for ldmatrix: 24 KiB.",
        "Barriers: __syncthreads() after cp.async.wait_group publishes a stage to all warps; the second one keeps the next copy from overwriting a stage that a warp still reads.",
        "The provider \"attention\" launches it for FP16 Attention steps of YOLO's heads; attention_plain is its reference."],
    (KER + "attention_plain.cu", "attention_plain"): [
        "y[t] = sum over u of softmax over u (scale q[t].k[u]) v[u], for any sizes, FP16 or FP32.",
        "A block has one query; its 128 threads share the tokens, then the numbers of the result; the grid is tokens x heads x images.",
        "Shared memory: the scores of all tokens (dynamic, 4 bytes a token) and a value a warp for the two reductions.",
        "Barriers: over_block() publishes the warps' values before they are combined, and keeps them from being overwritten before all threads have read them; its second use also publishes the scores.",
        "The provider \"plain\" launches it: the reference of `attention`, and the FP32 engine's kernel."],
    (KER + "elementwise.cu", "elementwise"): [
        "y[i] = f(a[i], b[i]) in FP32, for any shape of up to Shape::max_rank axes, any strides and two dtypes.",
        "A thread has one element; axes are sorted by y's strides, so that neighbouring threads write neighbouring elements.",
        NONE, WAIT,
        "The provider \"elementwise\" launches it for Unary, Binary and Copy steps."],
    (KER + "matmul.cu", "linear"): [
        "y[r, k] = activation(sum over d of x[r, d] weight[k, d] + bias[k]).",
        "A warp has one element of y and reads x and weight along the reduction; a block has 4 warps.",
        NONE, WAIT,
        "The provider \"linear\" launches it for Linear steps: the last layer of ReID models."],
    (KER + "matmul.cu", "matmul"): [
        "y[..., r, c] = sum over k of a[..., r, k] b[..., k, c], for any strides.",
        "A thread has one element of y; a block has 128 threads.",
        NONE, WAIT,
        "The provider \"matmul\" launches it for MatMul steps: attention that the lowering did not fuse."],
    (KER + "matmul.cu", "softmax"): [
        "y[i] = exp(x[i] - max x) / sum over j of exp(x[j] - max x), along one axis.",
        "A warp has one line along the axis and passes over it three times; a block has 4 warps.",
        NONE, WAIT,
        "The provider \"softmax\" launches it for Softmax steps."],
    (KER + "norm.cu", "instance_norm"): [
        "y = activation((x - mean) / sqrt(variance + epsilon) scale + shift), mean and variance over the pixels of a channel of an image; the variance is taken around the mean, in a second pass.",
        "A block has 32 channels of one image and 8 slices of its pixels; the grid is groups of channels x images.",
        "Shared memory: one float a thread, 8 slices x 32 lanes: 1 KiB.",
        "Barriers: over_slices() publishes the slices' sums before they are added, and keeps them from being overwritten before all threads have read them.",
        "The provider \"instance_norm\" launches it for InstanceNorm steps (OSNet IBN and AIN)."],
    (KER + "norm.cu", "gate_means"): [
        "gates[b, n, c] = mean of x_b[n, c] over its pixels: the first stage of OSNet's unified gate.",
        "A block has 32 channels of one image of one branch and 8 slices of its pixels; the grid is groups of channels x images x branches.",
        "Shared memory: one float a thread, 8 slices x 32 lanes: 1 KiB.",
        "Barriers: over_slices() publishes the slices' sums before they are added, and keeps them from being overwritten before all threads have read them.",
        "The provider \"gate\" launches it first of the three kernels of a GatedSum step."],
    (KER + "norm.cu", "gate_layers"): [
        "gates = sigmoid(w2 relu(w1 gates + b1) + b2), in place: the second stage of OSNet's unified gate.",
        "A block has one image of one branch; a warp has one hidden number at a time, then a thread one channel; the grid is images x branches.",
        "Shared memory: the means (4 bytes a channel), then the hidden numbers (4 bytes each).",
        "Barriers: the first __syncthreads() publishes the means to all warps, the second one the hidden numbers.",
        "The provider \"gate\" launches it between gate_means and gate_sum."],
    (KER + "norm.cu", "gate_sum"): [
        "y = sum over branches b of gates[b, n, c] x_b: the last stage of OSNet's unified gate.",
        "A thread has V neighbouring channels of one pixel: 16 bytes, or one element where the maps are not aligned.",
        NONE, WAIT,
        "The provider \"gate\" launches it last of the three kernels of a GatedSum step."],
    (KER + "pool.cu", "pool"): [
        "y = maximum or mean of x over a window; pixels of the padding take no part, unless count_padding counts them in the mean.",
        "A thread has V neighbouring channels of one pixel of y: 16 bytes, or one element where the maps are not aligned.",
        NONE, WAIT,
        "The provider \"pool\" launches it for Pool steps, \"pool_chain\" for maps that do not fit shared memory."],
    (KER + "pool.cu", "pool_chain"): [
        "y_0 = max pool of x, y_i = max pool of y_(i-1): SPPF's chain, each rows before columns, which is exact for a maximum.",
        "A block has V neighbouring channels of a whole image and 512 threads; the grid is groups of channels x images.",
        "Shared memory: the map, then the maxima of its rows, each pixels x V elements (dynamic).",
        "Barriers: the first __syncthreads() of a stage publishes the map, the second one the maxima of the rows; together they also keep each from being overwritten while it is read.",
        "The provider \"pool_chain\" launches it for PoolChain steps."],
    (KER + "pool.cu", "global_mean"): [
        "y[n, c] = mean of x[n, c] over its pixels, summed in FP32.",
        "A block has V neighbouring channels of one image; its 128 threads share the pixels; the grid is groups of channels x images.",
        "Shared memory: V floats a warp.",
        "Barriers: __syncthreads() publishes the warps' sums to the threads that add them.",
        "The provider \"global_pool\" launches it for GlobalAveragePool steps."],
    (KER + "probe.cu", "random"): [
        "data[i] = a uniform number in [-1, 1) that depends on i and the seed alone.",
        "Threads take elements a grid apart: at most 1024 blocks of 256 threads.",
        NONE, "Barriers: none; the kernel starts in stream order.",
        "fill_random() launches it: the test data of the tuner and of the benchmarks."],
    (KER + "probe.cu", "difference"): [
        "result = {max |a - b|, max |b|, how many elements only one of which is finite}.",
        "Threads take elements a grid apart: at most 1024 blocks of 256 threads; each adds its result by atomics.",
        NONE, "Barriers: none; atomics order the threads' results, and the kernel starts in stream order.",
        "compare() launches it: the tuner's comparison of a tactic with the reference."],
    (KER + "probe.cu", "copy_spans"): [
        "to[i] = from[i] for every span, or all bits set where `from` is null; `late`: some hundred microseconds after it triggered its dependents.",
        "4 blocks of 256 threads take 16 bytes at a time a grid apart: most multiprocessors stay free for the dependent launch.",
        NONE, "Barriers: none on purpose; without `late` the kernel omits the grid-dependency wait, so that the probe can be seen to fail.",
        "copy_late() and copy_at_once() launch it for the PDL probe (autotune/pdl_probe.h)."],
    (KER + "resample.cu", "upsample_nearest"): [
        "y[h, w] = x[h / factor_h, w / factor_w].",
        "A thread has V neighbouring channels of one pixel of y: 16 bytes, or one element where the maps are not aligned.",
        NONE, WAIT,
        "The provider \"upsample\" launches it for Upsample steps of kind nearest."],
    (KER + "resample.cu", "upsample_bilinear"): [
        "y = x interpolated linearly between the four nearest pixel centres, which lie at half integers (align_corners = False), clamped at the border.",
        "A thread has V neighbouring channels of one pixel of y: 16 bytes, or one element where the maps are not aligned.",
        NONE, WAIT,
        "The provider \"upsample\" launches it for Upsample steps of kind bilinear."],
    (KER + "resample.cu", "transposed_conv"): [
        "y[h, w, k] = activation(sum over c of x[h / kernel_h, w / kernel_w, c] weight[tap of (h, w), k, c] + bias[k]): windows do not overlap.",
        "A thread has one element of y; a block has 128 threads.",
        NONE, WAIT,
        "The provider \"transposed\" launches it for ConvTranspose steps: the reference of gemm_conv.cuh's kernel for them."],
    (KER + "conv/bottleneck.cu", "bottleneck"): [
        "y = x + activation(conv3x3(activation(conv3x3(x, weight1) + bias1), weight2) + bias2).",
        "Persistent blocks take tiles of Rows x Columns pixels in turn; WarpsM warps share the pixels, WarpsN the channels, by mma.sync m16n8k16.",
        "Shared memory, in order: both weights, both biases, the tile of x with two pixels around it, the hidden tile with one pixel around it (Tile::shared_bytes).",
        "Barriers in run_tile(): the 1st __syncthreads() publishes x and the weights, the 2nd the hidden tile, the 3rd y in x's place, the 4th keeps the next tile of x from overwriting y before it is written out.",
        "The provider \"bottleneck\" launches it for Bottleneck steps on compute capability 9.0 and later; it starts in stream order."],
    (KER + "conv/depthwise.cu", "depthwise_any"): [
        "y[h, w, c] = epilogue(sum over taps of x[tap of (h, w), c] weight[tap, c] + bias[c]), for any window, stride and dilation.",
        "A thread has V neighbouring channels of one pixel of y; a block has 128 threads.",
        NONE, WAIT,
        "The provider \"depthwise\" launches it where its tiled kernel does not serve: the reference of Depthwise steps."],
    (KER + "conv/depthwise.cu", "depthwise_tile"): [
        "y[h, w, c] = epilogue(sum over the K x K taps of x[tap of (h, w), c] weight[tap, c] + bias[c]), dilation 1.",
        "A thread has V neighbouring channels of `rows` x `columns` pixels of y and goes down the tile: a row of x serves all sums that need it.",
        "Shared memory: none; weights and sums stay in registers.", WAIT,
        "The provider \"depthwise\" launches it for Depthwise steps with 3x3 windows of stride 1 or 2."],
    (KER + "conv/direct_conv.cu", "direct_conv"): [
        "y[p, k] = epilogue(sum over taps and c of x[tap of p, c] weight[k, tap, c] + bias[k]) without tensor cores, for every shape, group count, dilation and dtype.",
        "A block has 64 pixels x 64 channels of one group, a thread 4 x 4 of them; the grid is pixel tiles x channel tiles x groups.",
        "Shared memory: 16 steps of the reduction of both operands in FP32, 16 x 65 floats each.",
        "Barriers: the first __syncthreads() publishes a tile of both operands, the second one keeps the next tile from overwriting it while it is read.",
        "The provider \"direct\" launches it for Conv steps: the FP32 engine's kernel, and the reference of all other convolutions."],
    (KER + "conv/stem.cu", "stem"): [
        "y[p, k] = activation(sum over taps and 4 channels of x[tap of p, c] weight[k, tap, c] + bias[k]), square window, stride 2.",
        "A block has 4 rows x 64 columns of y, a warp one row; a step of mma.sync m16n8k16 takes 4 taps; a thread's columns are neighbouring channels.",
        "Shared memory: the weights in the order in which a warp reads them, then the patch of x behind the tile, 8 bytes a pixel (Stem).",
        "Barriers: __syncthreads() publishes weights and patch to all warps; the weights, which no kernel writes, are read before grid_dependency_wait().",
        "The provider \"stem\" launches it for a network's first Conv step, of 4 stored channels (YOLO: window 3, OSNet: 7)."],
    (KER + "conv/gemm_conv.cuh", "conv"): [
        "y[p, k] = epilogue(sum over taps and c of x[tap of p, c] weight[k, tap, c] + bias[k]): an implicit GEMM by mma.sync m16n8k16, FP16 with FP32 sums.",
        "A block has T::rows pixels x T::columns channels, a warp a part of both; the grid is pixel tiles x (channel tiles x transposed taps) x `split`, whose blocks are a cluster and share the reduction.",
        "Shared memory: T::stages stages of a tile of x and one of the weights, swizzled for ldmatrix; afterwards the FP32 sums of the tile in the same bytes (Tile::shared_bytes).",
        "Barriers: __syncthreads() of a step publishes the stage that cp.async filled and frees the one before; the one after the loop frees the stages for the sums; the next one (cluster.sync() with `split`) publishes the sums, and the last cluster.sync() keeps a block alive while others read its sums.",
        "The provider \"gemm\" launches it for FP16 Conv steps without groups and for ConvTranspose steps of 2x2."],
    (SM + "conv3x3/conv3x3_sm90.cuh", "conv3x3_sm90"): [
        "y[p, k] = epilogue(sum over the 9 taps and c of x[tap of p, c] weight[k, tap, c] + bias[k]), stride 1 or 2, by wgmma with FP32 sums.",
        "A tile is 8x8 pixels x tile_n channels of y; one thread fetches by TMA, `consumers` warpgroups take the tiles in turn; the grid is persistent blocks x channel tiles x `split`, whose blocks are a cluster and share the channels of x.",
        "Shared memory, in order: results, sums received from the cluster, stages of x with its halo (all three by consumer), the weights, the barriers (Conv3x3Layout::shared_bytes).",
        "Barriers: `weights` and full_barrier publish what TMA wrote, empty_barrier frees a stage for the next fetch, `residual` publishes the residual, `received` the sums of other blocks, `taken` keeps a block from sending over sums that are still read; sync_warpgroup() keeps a result from being overwritten before it is stored.",
        "The provider \"conv3x3_sm90\" launches it for Conv steps on compute capability 9.0."],
    (SM + "depthwise3x3/depthwise3x3_sm90.cu", "depthwise3x3_kernel"): [
        "y[h, w, c] = epilogue(sum over the 9 taps of x[tap of (h, w), c] weight[tap, c] + bias[c]), stride 1.",
        "A block has `rows` x a.columns pixels of a.channels channels, a thread 8 channels of one column, which it goes down with three sums; the grid is (tiles of a row x groups of channels) x tiles of a column x images.",
        "Shared memory: one mbarrier in 128 bytes, then the tile of x with its halo, (rows + 2) x (columns + 2) x channels halves.",
        "Barriers: __syncthreads() publishes the initialised mbarrier, full_barrier.wait() publishes the tile that TMA wrote.",
        "The provider \"depthwise3x3_sm90\" launches it for Depthwise steps on compute capability 9.0."],
    (SM + "depthwise_pointwise/depthwise_pointwise.cuh", "depthwise_pointwise"): [
        "y[p, k] = activation2(sum over c of activation1(depthwise3x3(x)[p, c] + bias1[c]) weight2[k, c] + bias2[k]), by wgmma with the left matrix in registers.",
        "A tile is 8x8 pixels x tile_n channels of y; one thread fetches by TMA, `consumers` warpgroups take the tiles in turn; the grid is persistent blocks x channel tiles.",
        "Shared memory, in order: results, pointwise weights, stages of x with its halo, depthwise weights, both biases, the barriers (DepthwisePointwiseLayout::shared_bytes).",
        "Barriers: __syncthreads() in prepare() publishes barriers and weights, full_barrier publishes a stage that TMA wrote, empty_barrier frees it for the next fetch; sync_warpgroup() keeps a result from being overwritten before TMA has read it, then publishes the new one.",
        "The provider \"depthwise_pointwise\" launches it for DepthwisePointwise steps on compute capability 9.0."],
    (POST + "decode_threshold.cu", "decode_threshold_kernel"): [
        "keys = {(score, anchor, class) of every anchor whose best class is above the confidence}; boxes = DFL-decoded boxes of these anchors.",
        "A block has 64 anchors of one level of one image, four threads an anchor (a share of the classes, then a side of the box); the grid is tiles x images.",
        "Shared memory: the best class of each share (2 KiB), the anchors that passed, two counters.",
        "Barriers: the 1st __syncthreads() publishes the shares' best classes and the zeroed counters, the 2nd the anchors that passed, the 3rd (multi-label alone) the count of keys.",
        "launch_decode_threshold() launches it: the first kernel of a detector's postprocessing."],
    (POST + "nms.cu", "nms_kernel"): [
        "kept = class-wise NMS of the best candidates by score: one is kept unless a better one that is kept has its class and an IoU above the limit.",
        "A block of 1024 threads has one image; candidates come in rounds of at most 1024, of which 32 compete at a time, a warp each.",
        "Shared memory: keys and boxes of a round (24 KiB), histogram and counters; dynamic: boxes, keys and classes of those kept.",
        "Barriers: each __syncthreads() publishes one stage to the next: histogram, chosen digit, keys of the round, every pass of the sort, boxes, the verdicts of the 32 that compete, the objects before their masks are placed.",
        "launch_nms() launches it after decode_threshold_kernel."],
    (POST + "masks.cu", "mask_kernel"): [
        "bit(x, y) = (interpolated sum over c of coefficients[c] prototypes[c]) is positive, inside an object's box alone.",
        "A block has one tile of an object's mask at a time, a warp some of its columns, a lane a word of 32 rows; the grid is resident blocks x images.",
        "Shared memory: the combined prototypes behind a tile (18 KiB; larger regions are computed on the fly), the coefficients.",
        "Barriers: the 1st __syncthreads() of a tile (in find_tile()) publishes the object, the 2nd the coefficients, the 3rd the combined prototypes; __syncthreads_or() tells whether any bit is set and frees all of it for the next tile.",
        "launch_masks() launches it for segmentation heads, after nms_kernel."],
    (POST + "masks.cu", "copy_results_kernel"): [
        "host record = device record: objects and the words of their masks.",
        "Blocks of one image share the words a grid apart; the first block copies the objects; the grid is 32 x images.",
        NONE, "Barriers: none; the kernel starts in stream order, after mask_kernel.",
        "launch_copy_results() launches it for segmentation heads, last."],
    (POST + "crop_batches.cu", "begin_kernel"): [
        "crop batches = {no crop done yet}, and whether there is one to do.", "One thread.", NONE,
        "Barriers: none; the kernel starts in stream order.", "begin_crop_batches() launches it before the loop of a CUDA graph."],
    (POST + "crop_batches.cu", "choose_kernel"): [
        "chosen = the bucket of the next crop batch.", "One thread.", NONE,
        "Barriers: none; the kernel starts in stream order.", "choose_crop_batch() launches it at the start of each turn of the loop; its condition selects the branch of the bucket."],
    (POST + "crop_batches.cu", "end_kernel"): [
        "crop batches = {one batch more is done}, and whether another one is left.", "One thread.", NONE,
        "Barriers: none; the kernel starts in stream order.", "end_crop_batch() launches it at the end of each turn of the loop."],
    (POST + "reid.cu", "gather_kernel"): [
        "crops = the boxes of all objects of class_id, image by image; *count = how many there are.",
        "One block of 1024 threads; a warp counts the objects of one image, then writes their boxes behind those of the images before.",
        "Shared memory: the count of each warp's image.",
        "Barriers: the first __syncthreads() publishes the counts, the second one keeps those of the next 32 images from overwriting them while they are read.",
        "gather_crops() launches it between detector and ReID model."],
    (POST + "reid.cu", "norm_kernel"): [
        "to[i] = features[i] / |features|, in FP32; what is not finite counts as zero.",
        "A block of 128 threads has one feature vector.",
        "Shared memory: the sum of squares of each warp.",
        "Barriers: __syncthreads() publishes the warps' sums to all threads.",
        "normalise_embeddings() launches it after the ReID model."],
    (PRE + "preprocess.cu", "letterbox_kernel"): [
        "input = image resized bilinearly with OpenCV's fixed-point weights into the letterbox, padded, as red, green, blue in 0..1.",
        "A thread has one pixel of the input; blocks of 32 x 8; the grid is columns x rows x images.",
        NONE, "Barriers: none; the kernel starts in stream order.",
        "letterbox_batch() launches it before a detector."],
    (PRE + "preprocess.cu", "reid_crop_kernel"): [
        "input = the crop's window of its image resized bilinearly with OpenCV's fixed-point weights, normalised by ImageNet's mean and deviation; zero beyond *count.",
        "A thread has one pixel of the input; blocks of 32 x 8; the grid is columns x rows x slots.",
        NONE, "Barriers: none; the kernel starts in stream order.",
        "reid_crop_batch() launches it before the ReID model."],
}


def wrapped(sentence, indent="///", width=108):
    lines, line = [], indent
    for word in sentence.split():
        if len(line) + 1 + len(word) > width:
            lines.append(line)
            line = indent
        line += " " + word
    return lines + [line]


def main():
    found = set()
    for path in sorted({p for p, _ in KERNELS}):
        if not os.path.isfile(path):
            print("CHECK no such file:", path)
            continue
        text = Path(path).read_text(encoding="utf-8")
        for (p, name), sentences in KERNELS.items():
            if p != path:
                continue
            at = re.compile(r"^(?:///[^\n]*\n)*((?:template <[^\n]*>\n)?__global__ [^;{]*?\b" + name + r"\((?=[^;{]*\{))", re.M)
            if not at.search(text):
                print(f"CHECK {path}: no kernel {name}")
                continue
            comment = "\n".join(line for s in sentences for line in wrapped(s)) + "\n"
            text = at.sub(lambda m: comment + m.group(1), text, count=1)
            found.add((path, name))
        Path(path).write_text(text, encoding="utf-8")
    for path in subprocess.run(["git", "ls-files", "src"], capture_output=True, text=True).stdout.split("\n"):
        if path.endswith((".cu", ".cuh")) and os.path.isfile(path):
            text = Path(path).read_text(encoding="utf-8")
            for m in re.finditer(r"^__global__ void\s+(?:__launch_bounds__\((?:[^()]|\([^()]*\))*\)\s*)?(\w+)\((?=[^;{]*\{)", text, re.M):
                if (path, m.group(1)) not in found:
                    print(f"CHECK {path}: {m.group(1)} has no comment here")
    print(len(found), "kernels of", len(KERNELS))
    subprocess.run(["git", "add", "-A"], check=True)
    subprocess.run(["git", "reset", "-q", "--", ".deps"], capture_output=True)


if __name__ == "__main__":
    main()
