// Classifies a source argument by its text alone. Private to src/stages/source.
#pragma once

#include <filesystem>
#include <string>

namespace peregrine::source {

/// http:// or https://, in any case.
bool is_web_address(const std::string& argument);

/// ".jpg" of "A/B.JPG".
std::string lower_extension(const std::filesystem::path& path);

/// The extension of the path of an address, without query and fragment.
std::string address_extension(const std::string& address);

bool is_video_extension(const std::string& lower_extension);

/// An address as it may be shown: user and password become "***", as do the values of queries that grant
/// access (token, key, signature ...).
std::string without_credentials(const std::string& address);

}  // namespace peregrine::source
