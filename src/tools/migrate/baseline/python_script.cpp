#include "tools/migrate/baseline/python_script.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/os/output_file.h"
#include "core/text.h"
#include "tools/migrate/baseline/measure.h"

namespace peregrine::migrate {

using Json = nlohmann::json;

std::string ask_python(const SpeedRequest& request, const doctor::FoundPython& python, const char* script,
                       const Json& request_json, const std::filesystem::path& folder,
                       const std::function<void(const Json& answer)>& read) {
  const std::filesystem::path told = folder / "wish";
  write_file(told, request_json.dump(-1, ' ', false, Json::error_handler_t::replace));
  const ChildResult child =
      run_measured({python.program, "-B", "-c", script, told.native()}, request.limit, request.stop);
  if (!succeeded(child)) return why_failed(child, printable(python.program), request.limit);
  try {
    read(last_object(child.out));
  } catch (const Json::exception& error) {
    return fmt::format("{} answered what cannot be read ({})", printable(python.program), error.what());
  }
  return {};
}

}  // namespace peregrine::migrate
