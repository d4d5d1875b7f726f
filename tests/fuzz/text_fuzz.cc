// Fuzz target: the small texts of the REST contract: names, UTF-8, base64, times, ids, receipts, cursors,
// pages. Goal: never a crash; what is accepted is written back as the same text; plain second readings agree;
// pages of any size show the same items as one page.
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <optional>
#include <string>
#include <vector>

#include "core/base/check.h"
#include "core/broker/view.h"
#include "rest/names.h"
#include "rest/paging.h"
#include "rest/problem.h"
#include "rest/wire_ids.h"
#include "tests/fuzz/fuzz_input.h"

namespace mom::rest {
namespace {

using fuzz::FuzzInput;

void AppendUtf8(uint32_t point, std::string* out) {
  const auto add = [out](uint32_t byte) { out->push_back(static_cast<char>(byte)); };
  if (point < 0x80) return add(point);
  if (point < 0x800) {
    add(0xc0 | point >> 6);
  } else if (point < 0x10000) {
    add(0xe0 | point >> 12);
    add(0x80 | (point >> 6 & 63));
  } else {
    add(0xf0 | point >> 18);
    add(0x80 | (point >> 12 & 63));
    add(0x80 | (point >> 6 & 63));
  }
  add(0x80 | (point & 63));
}

// The code points of UTF-8, read generously and then written again: what comes out as it went in was good.
std::optional<std::vector<uint32_t>> PointsOf(std::string_view text) {
  std::vector<uint32_t> points;
  std::string again;
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<uint8_t>(text[i]);
    const size_t length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    uint32_t point = length == 1 ? lead : lead & (0xffu >> (length + 1));
    for (size_t k = 1; k < length; ++k) {
      point = point << 6 | (i + k < text.size() ? static_cast<uint8_t>(text[i + k]) & 63u : 0);
    }
    if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) return std::nullopt;
    AppendUtf8(point, &again);
    points.push_back(point);
    i += length;
  }
  return again == text ? std::optional(points) : std::nullopt;
}

void CheckText(const std::string& text) {
  const auto points = PointsOf(text);
  MOM_CHECK(IsUtf8(text) == points.has_value(), text);
  if (points) {
    bool has_control = false;
    for (uint32_t point : *points)
      has_control = has_control || point < 0x20 || (point >= 0x7f && point < 0xa0);
    MOM_CHECK(HasControlCharacter(text) == has_control, text);
  }
  if (IsName(text)) MOM_CHECK(points && !text.empty() && text.size() <= kNameCharsMax && text[0] != '.');
  std::string json;
  AppendJsonString(text, &json);
  MOM_CHECK(IsUtf8(json) && json.size() >= 2 && json.back() == '"', text);
  MOM_CHECK(json.find_first_of("\r\n\t") == std::string::npos);
}

void CheckCodes(const std::string& text) {
  std::string bytes;
  if (DecodeBase64(text, &bytes)) MOM_CHECK(EncodeBase64(bytes) == text, text);
  MOM_CHECK(DecodeBase64(EncodeBase64(text), &bytes) && bytes == text, text);
  if (const auto id = ParseId(text)) MOM_CHECK(FormatId(*id) == text, text);
  if (const auto receipt = ParseReceipt(text))
    MOM_CHECK(FormatReceipt(receipt->id(), receipt->lease()) == text, text);
  if (const auto position = DecodeCursor(text)) MOM_CHECK(EncodeCursor(*position) == text, text);
  const auto position = DecodeCursor(EncodeCursor(text));
  MOM_CHECK(position.has_value() == (!text.empty() && text.size() <= 512));
  if (position) MOM_CHECK(*position == text);
}

void CheckNumbers(uint64_t a, uint64_t b) {
  MOM_CHECK(ParseId(FormatId(a)) == a, a);
  const auto receipt = ParseReceipt(FormatReceipt(a, b));
  MOM_CHECK(receipt && receipt->id() == a && receipt->lease() == b, a, b);
  // Years 0 to 9999, where the C library agrees with the contract.
  const int64_t ms = static_cast<int64_t>(a % 315'569'520'000'000u) - 62'167'219'200'000;
  const int64_t seconds = ms / 1000 - (ms % 1000 < 0 ? 1 : 0);
  const time_t time = seconds;
  tm parts;
  MOM_CHECK(gmtime_r(&time, &parts) != nullptr);
  char wanted[64];
  std::snprintf(wanted, sizeof wanted, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", parts.tm_year + 1900,
                parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                static_cast<int>(ms - seconds * 1000));
  if (parts.tm_year + 1900 <= 9999) MOM_CHECK(FormatTimestamp(Timestamp{ms}) == wanted, ms);
  MOM_CHECK(FormatTimestamp(Timestamp{static_cast<int64_t>(b)}).size() == 24, b);
}

// The names that a page shows; `*next` is the position of the one behind it.
std::vector<std::string> NamesOn(const broker::ViewReader& view, const Page& page,
                                 std::optional<std::string>* next) {
  std::vector<std::string> names;
  const std::string json =
      ListTable(view, 'q', page, [&](std::string_view name, std::string_view value, JsonWriter* writer) {
        if (value == "hidden") return false;
        names.emplace_back(name);
        writer->Text(name);
        return true;
      });
  constexpr std::string_view kNext = "\"next\":\"";
  const size_t at = json.rfind(kNext);
  next->reset();
  if (at != std::string::npos && !json.ends_with("\"next\":null}")) {
    const size_t begin = at + kNext.size();
    *next = DecodeCursor(std::string_view(json).substr(begin, json.size() - 2 - begin));
    MOM_CHECK(next->has_value(), json);
  }
  return names;
}

void CheckPages(FuzzInput* input) {
  broker::MemoryView view;
  broker::ViewBatch batch;
  Page page;
  page.limit = 1 + input->Byte() % 4;
  const std::string first(input->TakeText());
  while (!input->empty() && batch.size() < 64) {
    std::string name(1 + input->Byte() % 6, '\0');
    for (char& c : name) c = static_cast<char>(input->Byte());
    batch["q" + name] = input->Byte() % 4 == 0 ? "hidden" : "shown";
  }
  batch["p"] = "another table";
  batch["r"] = "another table";
  view.Write(batch);
  std::vector<std::string> wanted;
  for (const auto& [key, value] : batch) {
    if (key[0] == 'q' && value == "shown" && key.substr(1) > first) wanted.push_back(key.substr(1));
  }
  std::vector<std::string> got;
  std::optional<std::string> next = first;
  while (next) {
    page.after = *next;
    const auto names = NamesOn(view, page, &next);
    MOM_CHECK(names.size() <= page.limit);
    got.insert(got.end(), names.begin(), names.end());
  }
  MOM_CHECK(got == wanted, got.size(), wanted.size());
}

// First byte: what the rest is.
void FuzzOne(FuzzInput input) {
  switch (input.Byte() % 4) {
    case 0:
      return CheckText(std::string(input.TakeRest()));
    case 1:
      return CheckCodes(std::string(input.TakeRest()));
    case 2:
      return CheckPages(&input);
    default: {
      const uint64_t a = input.Number();
      return CheckNumbers(a, input.Number());
    }
  }
}

}  // namespace
}  // namespace mom::rest

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  mom::rest::FuzzOne({data, size});
  return 0;
}
