#include <fcntl.h>
#include <fmt/format.h>

#include <toml++/toml.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "core/os/read_when_ready.h"
#include "peregrine/error.h"
#include "peregrine/settings.h"

namespace peregrine {

namespace fs = std::filesystem;

namespace {

const SettingEntry* find_entry(std::string_view name) {
  const auto table = setting_table();
  const auto found = std::ranges::find(table, name, &SettingEntry::name);
  return found == table.end() ? nullptr : &*found;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substituted = diagonal + (std::tolower(a[i - 1]) != std::tolower(b[j - 1]));
      diagonal = std::exchange(row[j], std::min({substituted, row[j] + 1, row[j - 1] + 1}));
    }
  }
  return row.back();
}

std::string nearest_name(std::string_view unknown) {
  const auto nearest = std::ranges::min_element(
      setting_table(), {}, [&](const SettingEntry& entry) { return edit_distance(unknown, entry.name); });
  return std::string(nearest->name);
}

fs::path default_store() {
  if (const char* data = std::getenv("XDG_DATA_HOME"); data && *data) return fs::path(data) / "peregrine";
  if (const char* home = std::getenv("HOME"); home && *home) return fs::path(home) / ".local/share/peregrine";
  return "peregrine-store";
}

/// Applies one value and remembers its origin.
class SettingsLoader {
 public:
  SettingsLoader() : origins_(setting_table().size(), "default") { settings_.store = default_store(); }

  void apply(const SettingEntry& entry, const std::string& text, const std::string& origin,
             const std::string& where) {
    if (!entry.parse(settings_, text))
      throw Error("usage.setting", fmt::format("{} is \"{}\".", where, text),
                  fmt::format("It must be {}.", entry.expects));
    origins_[static_cast<std::size_t>(&entry - setting_table().data())] = origin;
  }

  LoadedSettings finish() && {
    LoadedSettings loaded{std::move(settings_), {}};
    for (std::size_t i = 0; i < origins_.size(); ++i) {
      const SettingEntry& entry = setting_table()[i];
      loaded.effective.push_back({entry.name, entry.meaning, entry.format(loaded.settings), origins_[i]});
    }
    return loaded;
  }

 private:
  Settings settings_;
  std::vector<std::string> origins_;
};

/// An array's elements are joined by commas, as a flag gives several.
std::string text_of(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* elements = node.as_array()) {
    std::string joined;
    for (const toml::node& element : *elements) joined += (joined.empty() ? "" : ",") + text_of(element);
    return joined;
  }
  std::ostringstream out;
  node.visit([&](const auto& value) {
    if constexpr (toml::is_value<decltype(value)>) out << value;
  });
  return out.str();
}

void apply_table(SettingsLoader& loader, const toml::table& table, const std::string& prefix,
                 const std::string& file) {
  for (const auto& [key, node] : table) {
    const std::string name = prefix + std::string(key.str());
    if (const toml::table* inner = node.as_table()) {
      apply_table(loader, *inner, name + ".", file);
      continue;
    }
    const SettingEntry* entry = find_entry(name);
    if (!entry)
      throw Error("usage.setting", fmt::format("{} sets {}, which is no setting.", file, name),
                  fmt::format("Did you mean {}? `peregrine config` lists all.", nearest_name(name)));
    loader.apply(*entry, text_of(node), file, fmt::format("{} in {}", name, file));
  }
}

/// Of a pipe what its writer gives; nothing where it has none, which would be waited for in vain.
std::optional<std::string> read_pipe(const fs::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  char block[4096];
  ssize_t count = file < 0 ? -1 : ::read(file, block, sizeof block);
  if (count == 0 || (count < 0 && errno != EAGAIN)) {
    if (file >= 0) ::close(file);
    return std::nullopt;
  }
  std::string text;
  for (; count != 0 && (count > 0 || errno == EAGAIN); count = read_when_ready(file, block, sizeof block, {}))
    text.append(block, count > 0 ? static_cast<std::size_t>(count) : 0);
  ::close(file);
  return count == 0 ? std::optional(text) : std::nullopt;
}

std::optional<std::string> read_settings_file(const fs::path& path) {
  std::error_code ignored;
  if (fs::is_fifo(path, ignored)) return read_pipe(path);
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  if (!stream || !(text << stream.rdbuf() || stream.peek() == std::ifstream::traits_type::eof()))
    return std::nullopt;
  return text.str();
}

void apply_file(SettingsLoader& loader, const fs::path& path) {
  const std::optional<std::string> text = read_settings_file(path);
  if (!text)
    throw Error("usage.config", fmt::format("{} cannot be read.", path.string()),
                "Name a readable settings file with --config.");
  try {
    apply_table(loader, toml::parse(*text), "", path.string());
  } catch (const toml::parse_error& failure) {
    throw Error("usage.config",
                fmt::format("{}, line {}: {}.", path.string(), failure.source().begin.line,
                            std::string(failure.description())),
                "The file is TOML: one NAME = value a line.");
  }
}

std::string environment_name(std::string_view setting) {
  std::string name = "PEREGRINE_" + std::string(setting);
  std::ranges::transform(name, name.begin(),
                         [](unsigned char c) { return c == '.' ? '_' : static_cast<char>(std::toupper(c)); });
  return name;
}

}  // namespace

LoadedSettings load_settings(const SettingSources& sources) {
  SettingsLoader loader;
  if (sources.file)
    apply_file(loader, *sources.file);
  else if (fs::exists("peregrine.toml"))
    apply_file(loader, "peregrine.toml");
  for (const SettingEntry& entry : setting_table()) {
    const std::string variable = environment_name(entry.name);
    const char* value = std::getenv(variable.c_str());
    if (value && *value) loader.apply(entry, value, "environment", variable);  // empty: as if it were not set
  }
  for (const auto& [name, text] : sources.flags) {
    const SettingEntry* entry = find_entry(name);
    if (!entry) throw Error("internal.setting", fmt::format("A flag sets {}, which is no setting.", name));
    loader.apply(*entry, text, "flag", fmt::format("The flag for {}", name));
  }
  return std::move(loader).finish();
}

}  // namespace peregrine
