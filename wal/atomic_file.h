// Whole files read and replaced at once.
#pragma once

#include <string>
#include <string_view>

#include "wal/env.h"

namespace mom::wal {

// Ends the names of files that are being made; whoever owns the folder removes left-overs when opening it.
inline constexpr std::string_view kTemporarySuffix = ".tmp";

// The folder of `path`; "." when it names none.
std::string FolderOf(const std::string& path);

// All bytes of a file. kNotFound when there is none.
Result<std::string> ReadWholeFile(Env* env, const std::string& path);

// Replaces or creates `path` so that a crash leaves the old or the new content, never a mixture: writes and
// syncs `path`.tmp, renames it and syncs the folder. When ok the new content is durable. After an error the
// file holds the old or the new content.
Status ReplaceFile(Env* env, const std::string& path, std::string_view bytes);

}  // namespace mom::wal
