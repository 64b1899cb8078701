// Error is the one exception type of the library, which never prints, exits or aborts. An example:
//
//   try {
//     peregrine::Pipeline pipeline(settings, {.models = {"yolo11n.pt"}});
//   } catch (const peregrine::Error& error) {
//     if (error.code().starts_with("enforcement.")) report(error.sentence(), error.hint());
//   }
//
// An Error is plain data: copies may be used by any thread.
#pragma once

#include <exception>
#include <string>
#include <string_view>

namespace peregrine {

/// Says what went wrong (`code`, stable, dotted: "image.truncated"), in one sentence for a person that names
/// the file or thing concerned, and what to do about it. The part of `code` before the first dot is
/// its family; the command derives its exit status from the family alone (see exit_status()).
///
/// Families: usage, environment, enforcement, model, engine, store, device, image, source, output,
/// validation, interrupted, internal.
class Error : public std::exception {
 public:
  Error(std::string code, std::string sentence, std::string hint = {});

  const std::string& code() const noexcept { return code_; }
  const std::string& sentence() const noexcept { return sentence_; }
  const std::string& hint() const noexcept { return hint_; }
  /// Sentence and hint on one line.
  const char* what() const noexcept override { return line_.c_str(); }

 private:
  std::string code_, sentence_, hint_, line_;
};

/// Exit status of the command for an error code: 0 never; 1 inputs or validation failed (image,
/// source, output, validation); 2 usage; 3 environment, enforcement, model, engine, store, device,
/// internal; 130 interrupted.
int exit_status(std::string_view code) noexcept;

}  // namespace peregrine
