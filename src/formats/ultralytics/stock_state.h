// What the modules of Ultralytics and torch.nn hold, as far as it decides what they compute. A module is what
// its name says only if it holds nothing else: forks change a block and keep its name.
#pragma once

#include <string_view>

#include "formats/torch/module.h"

namespace peregrine::ultralytics {

/// Of the children of a list: there may be any.
inline constexpr std::string_view any_children = "*";

/// The names that a stock module may hold, each list separated by blanks.
struct StockState {
  std::string_view attributes, tensors, children;
};

/// A class of module: full name "PLACE.NAME", where Ultralytics' also lies in ultralytics.nn.modules, as in
/// its version 8.0.
struct StockClass {
  std::string_view place, name;
  StockState state;

  bool matches(const torch::Module& module) const;
};

/// Where the classes lie.
namespace place {
inline constexpr std::string_view block = "ultralytics.nn.modules.block",
                                  conv = "ultralytics.nn.modules.conv", head = "ultralytics.nn.modules.head",
                                  tasks = "ultralytics.nn.tasks",
                                  torch_activation = "torch.nn.modules.activation",
                                  torch_conv = "torch.nn.modules.conv",
                                  torch_container = "torch.nn.modules.container",
                                  torch_norm = "torch.nn.modules.batchnorm";
}

// Parts that the module which holds them reads itself, and what several classes hold.
inline constexpr StockState convolution_state{
    "in_channels out_channels kernel_size stride padding dilation transposed output_padding groups "
    "padding_mode",
    "weight bias", ""};
inline constexpr StockState norm_state{"num_features eps momentum affine track_running_stats process_group",
                                       "weight bias running_mean running_var num_batches_tracked", ""};
inline constexpr StockClass conv2d{place::torch_conv, "Conv2d", convolution_state};
inline constexpr StockClass conv_transpose2d{place::torch_conv, "ConvTranspose2d", convolution_state};
inline constexpr StockClass batch_norm{place::torch_norm, "BatchNorm2d", norm_state};
inline constexpr StockClass sync_batch_norm{place::torch_norm, "SyncBatchNorm", norm_state};
inline constexpr StockClass max_pool2d{
    "torch.nn.modules.pooling",
    "MaxPool2d",
    {"kernel_size stride padding dilation return_indices ceil_mode", "", ""}};
inline constexpr StockClass module_list{place::torch_container, "ModuleList", {"", "", any_children}};
inline constexpr StockClass sequential{place::torch_container, "Sequential", {"", "", any_children}};
inline constexpr StockClass identity{"torch.nn.modules.linear", "Identity", {"", "", ""}};
inline constexpr StockClass dfl{place::block, "DFL", {"c1", "", "conv"}};

/// Throws Error "model.unsupported" naming the module and its full class where it is not of the stock class,
/// holds anything that this one does not, has hooks around its forward pass or another forward pass of its
/// own.
void require_stock(const torch::Module& module, const StockClass& stock);
/// The last two of these alone.
void require_stock_forward(const torch::Module& module);
/// A child that must be of that class.
torch::Module stock_child(const torch::Module& parent, std::string_view name, const StockClass& stock);

}  // namespace peregrine::ultralytics
