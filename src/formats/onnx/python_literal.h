// The Python literals in which Ultralytics writes its metadata: "{0: 'person', 1: 'car'}", "[640, 640]".
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace peregrine::onnx {

/// A dict from integers, bare or as text, to names, or a list of names (then by position). A name is a
/// string, or a number or constant as it is spelled. Nothing for any other text.
std::optional<std::map<std::int64_t, std::string>> parse_names(std::string_view text);
/// One integer, or a list or tuple of them. Nothing for any other text.
std::optional<std::vector<std::int64_t>> parse_integers(std::string_view text);

/// The inverse of parse_names, as Python's repr writes a dict.
std::string print_names(const std::vector<std::string>& names);

}  // namespace peregrine::onnx
