#include "support/checkpoint_writer.h"

#include <cstring>

#include "support/zip_writer.h"

namespace peregrine::test {

namespace {

std::string little_endian(std::uint32_t value) {
  std::string bytes;
  for (int shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(value >> shift & 0xff);
  return bytes;
}

std::string pickle_integers(const std::vector<std::int32_t>& values) {
  std::vector<std::string> items;
  for (const std::int32_t value : values) items.push_back(pickle_integer(value));
  return pickle_tuple(items);
}

std::vector<std::int32_t> row_major(const std::vector<std::int32_t>& shape) {
  std::vector<std::int32_t> strides(shape.size(), 1);
  for (std::size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * shape[i];
  return strides;
}

}  // namespace

std::string pickle_text(std::string_view text) {
  return std::string("X").append(little_endian(static_cast<std::uint32_t>(text.size()))).append(text);
}

std::string pickle_integer(std::int32_t value) {
  return std::string("J").append(little_endian(static_cast<std::uint32_t>(value)));
}

std::string pickle_tuple(const std::vector<std::string>& items) {
  std::string out = "(";
  for (const std::string& item : items) out += item;
  return out + "t";
}

std::string pickle_global(std::string_view module, std::string_view name) {
  return std::string("c").append(module).append("\n").append(name).append("\n");
}

std::string pickle_call(const std::string& callee, const std::vector<std::string>& arguments) {
  return callee + pickle_tuple(arguments) + "R";
}

std::string pickle_dict(const std::vector<std::pair<std::string, std::string>>& entries) {
  std::string out = "}(";
  for (const auto& [key, value] : entries) out += pickle_text(key) + value;
  return out + "u";
}

std::string pickle(const std::string& value) { return std::string("\x80\x02").append(value).append("."); }

std::string pickle_tensor(const TensorClaim& claim) {
  const std::string id =
      pickle_tuple({pickle_text("storage"), pickle_global("torch", claim.storage_type),
                    pickle_text(claim.storage), pickle_text("cpu"), pickle_integer(claim.storage_elements)}) +
      "Q";
  const std::vector<std::int32_t> strides = claim.strides.empty() ? row_major(claim.shape) : claim.strides;
  return pickle_call(
      pickle_global("torch._utils", "_rebuild_tensor_v2"),
      {id, pickle_integer(claim.offset), pickle_integers(claim.shape), pickle_integers(strides), "\x89",
       pickle_call(pickle_global("collections", "OrderedDict"), {})});
}

std::string write_checkpoint(const std::string& pickled, const std::vector<std::string>& storages) {
  std::vector<ZipEntry> entries{{"archive/data.pkl", pickled}, {"archive/byteorder", "little"}};
  for (std::size_t i = 0; i < storages.size(); ++i)
    entries.push_back({"archive/data/" + std::to_string(i), storages[i]});
  entries.push_back({"archive/version", "3\n"});
  return write_zip(entries);
}

std::string write_state_dict(const std::vector<NamedTensor>& tensors, const std::string& prefix,
                             const std::string& wrapper) {
  std::vector<std::pair<std::string, std::string>> entries;
  std::vector<std::string> storages;
  for (const NamedTensor& tensor : tensors) {
    const auto count = static_cast<std::int32_t>(tensor.values.size());
    entries.emplace_back(prefix + tensor.name,
                         pickle_tensor({std::to_string(storages.size()), count, 0, tensor.shape}));
    std::string& storage = storages.emplace_back(tensor.values.size() * sizeof(float), '\0');
    std::memcpy(storage.data(), tensor.values.data(), storage.size());
  }
  const std::string state = pickle_dict(entries);
  return write_checkpoint(pickle(wrapper.empty() ? state : pickle_dict({{wrapper, state}})), storages);
}

}  // namespace peregrine::test
