// Names of the model outputs that the stages behind the engine rely on. Level i counts from the finest
// stride. Shapes are logical NCHW; the layout is the engine's.
//
//   raw head      "box.i"  [N, 4*bins, H_i, W_i]   logits of the box distribution: left, top, right, bottom
//                 "cls.i"  [N, classes, H_i, W_i]  logits of the class scores
//                 "kpt.i"  [N, keypoints*dims, H_i, W_i]  pose: raw x, y(, visibility logit) a keypoint
//                 "coef.i" [N, mask_channels, H_i, W_i]   segment: mask coefficients
//                 "proto"  [N, mask_channels, h, w]       segment: prototypes, at stride 4
//   decoded head  "output0" [N, 4+classes+extra, anchors] as Ultralytics exports it; "proto" as above
//   reid          "features" [N, embedding] before normalisation
#pragma once

#include <string>

namespace peregrine::head {

inline constexpr const char* input_name = "images";  ///< [N,3,H,W], RGB, 0..1 (reid: normalised)
inline constexpr const char* proto_output = "proto";
inline constexpr const char* decoded_output = "output0";
inline constexpr const char* features_output = "features";

inline std::string box_output(int level) { return "box." + std::to_string(level); }
inline std::string class_output(int level) { return "cls." + std::to_string(level); }
inline std::string keypoint_output(int level) { return "kpt." + std::to_string(level); }
inline std::string coefficient_output(int level) { return "coef." + std::to_string(level); }

}  // namespace peregrine::head
