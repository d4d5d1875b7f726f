#include "rest/http_text.h"

#include <algorithm>

namespace mom::rest {

bool EqualsIgnoringCase(std::string_view text, std::string_view lower) {
  return text.size() == lower.size() && std::equal(text.begin(), text.end(), lower.begin(),
                                                   [](char a, char b) { return LowerAscii(a) == b; });
}

std::string_view TakeElement(std::string_view* list, char separator) {
  const std::string_view element = list->substr(0, list->find(separator));
  list->remove_prefix(std::min(list->size(), element.size() + 1));
  return TrimSpaces(element);
}

bool ListHas(std::string_view list, std::string_view lower) {
  while (!list.empty())
    if (EqualsIgnoringCase(TakeElement(&list), lower)) return true;
  return false;
}

}  // namespace mom::rest
