// Folders of views: their names, and which of them a start may remove.
#pragma once

#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/quorum/types.h"

namespace mom::replication {

// The view of a data folder that never installed a snapshot.
inline constexpr char kFirstViewFolder[] = "view";

// The folder, inside of the data folder, into which the snapshot is fetched and where its view then stays.
std::string ViewFolderOf(const quorum::SnapshotId& snapshot);

// Removes the folders of views directly below `dir` that are not in `kept`: a crash in the middle of a
// transfer, or before a replaced view was removed, leaves one, and nothing else would ever look for it.
// Touches only what has exactly one of the names above, so nothing that was put aside as damaged. Their
// names; kIoError: what was not removed costs disk, no more. REQUIRES: nobody has those views open.
Result<std::vector<std::string>> RemoveLeftoverViews(const std::string& dir,
                                                     const std::vector<std::string>& kept);

}  // namespace mom::replication
