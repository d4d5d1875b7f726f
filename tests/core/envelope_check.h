// What must hold for every stored envelope, whatever was sent.
#pragma once

#include <string>

#include "mom/v1/records.pb.h"

namespace mom::broker::test {

// What is wrong with it; empty when nothing is.
std::string CheckEnvelope(const v1::Envelope& envelope);

}  // namespace mom::broker::test
