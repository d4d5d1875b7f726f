// Small rules of HTTP's text (RFC 9110 5.6). ASCII only: no locale has a say.
#pragma once

#include <string_view>

namespace mom::rest {

char LowerAscii(char c);
// Without spaces and tabs around it.
std::string_view TrimSpaces(std::string_view text);
// REQUIRES: `lower` has no capital letters.
bool EqualsIgnoringCase(std::string_view text, std::string_view lower);
// Whether it may be the name of a header.
bool IsHttpToken(std::string_view text);
// Anything below a space but a tab, or DEL.
bool HasControlByte(std::string_view text);
// The first element of a list that commas part, trimmed; takes it and its comma off `*list`.
std::string_view TakeElement(std::string_view* list, char separator = ',');
// Whether the comma-separated `list` holds `lower`.
bool ListHas(std::string_view list, std::string_view lower);

}  // namespace mom::rest
