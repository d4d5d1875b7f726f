// Fuzz target: arbitrary events and messages at one replica. Goal: no crash, whatever peers say.
#include "tests/core/quorum/fuzz_driver.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  mom::quorum::FuzzDriver::Run({reinterpret_cast<const char*>(data), size});
  return 0;
}
