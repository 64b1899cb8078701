// Class names as files hold them, made one name a class.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace peregrine {

/// Names of `classes` classes by index; a class without one is "classN". As Ultralytics does, throws Error
/// "model.names" where the indices have gaps: then it is not known which class a name belongs to.
std::vector<std::string> name_classes(const std::map<std::int64_t, std::string>& names, std::int64_t classes);

/// An index that is spelled as text, as Python's int() reads it: blanks around it, leading zeros. False where
/// it is none.
bool parse_class_index(std::string_view text, std::int64_t& index);

/// A number as Python's str() writes it.
std::string python_text(double number);

}  // namespace peregrine
