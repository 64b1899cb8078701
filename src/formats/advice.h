// What several readers advise. A test has followed each (docs/reference/hints.md), so one sentence says one
// thing.
#pragma once

namespace peregrine::advice {

/// Of a file that nothing here reads.
inline constexpr const char* known_files =
    "Give a .pt or .pth checkpoint of Ultralytics or OSNet, an .onnx file, or an .engine of Ultralytics.";

/// Of a layer or an operator without lowering.
inline constexpr const char* supported_layers =
    "Take a network of supported layers, as YOLOv8, YOLO11, YOLO12 and OSNet have.";

/// Of a file that is exported as it is trained.
inline constexpr const char* evaluation_mode = "Export in evaluation mode: call model.eval() first.";

/// Of operators that ONNX does not define.
inline constexpr const char* own_operators =
    "Give the file as it was before an optimiser or quantiser put these operators in, or export without "
    "them.";

/// Of a head that gives final boxes. Newer versions of Ultralytics take nms=False for the head without NMS,
/// which gives final boxes as well.
inline constexpr const char* raw_head =
    "Export without suppression in the file: leave nms out, and for YOLOv10 and YOLO26 pass end2end=False.";

/// Of an ONNX file whose metadata cannot be read or contradict its outputs.
inline constexpr const char* mend_metadata =
    "Correct its metadata (metadata_props of Python's onnx), or export it again with Ultralytics, which "
    "writes them.";

/// Of what --task says and the outputs contradict.
inline constexpr const char* keypoints_of_task =
    "Pass --task pose:KxD, K keypoints of D numbers each (pose:17x3).";

}  // namespace peregrine::advice
