"""Bugs to be found: small textual changes of core/quorum. The product itself has no switches.

A mutant is a name, the rule it breaks, and edits (file, exact old text, new text). The old text must occur exactly once,
so a mutant that no longer applies is noticed. Only .cc files: the simulator's objects are not compiled again.
"""

MUTANTS = []


def mutant(name, rule, *edits):
    MUTANTS.append((name, rule, edits))


# Votes and epochs.
mutant("vote_not_durable", "I2: the vote is durable before the reply", (
    "invariants.cc",
    "if (after.hard_state_ != hard_state_) effects->hard_state = after.hard_state_;",
    "if (after.hard_state_ != hard_state_) {\n    effects->hard_state = after.hard_state_;\n"
    "    effects->hard_state->voted_for = ReplicaKey{};\n  }"))
mutant("votes_twice", "I2: one vote an epoch", (
    "election.cc", "if (!hard_state_.voted_for.empty()) return Refusal::kVoted;", ""))
mutant("duplicate_vote_counted", "thesis 3.4: a voter counts once", (
    "election.cc", "AddOnce(&campaign_.granted, from.node);", "campaign_.granted.push_back(from.node);"))
mutant("old_round_counted", "answers to an older round do not count", (
    "election.cc", "if (reply.round != campaign_.round || reply.epoch != epoch()) return;", ""))
mutant("log_not_compared", "thesis 3.6.1: only for a log that is up to date", (
    "election.cc", "return std::tuple(last_epoch, end) >= std::tuple(epochs_.last_epoch(), log_end());",
    "return last_epoch >= Epoch{} && end >= Offset{};"))
mutant("longer_log_wins", "thesis 3.6.1: the last epoch is compared before the length", (
    "election.cc", "return std::tuple(last_epoch, end) >= std::tuple(epochs_.last_epoch(), log_end());",
    "return std::tuple(end, last_epoch) >= std::tuple(log_end(), epochs_.last_epoch());"))
mutant("stranger_votes", "P13: the vote of another disk with a voter's node id", (
    "election.cc", "!voters().Contains(from.key())) return;", "!voters().ContainsNode(from.node)) return;"))
mutant("no_pre_vote", "KIP-996: ask before raising the epoch", (
    "election.cc", "  ++campaign_.round;", "  if (pre_vote) return BecomeCandidate();\n  ++campaign_.round;"))
mutant("pre_vote_ping_pong", "P8: a follower that has not heard its leader grants pre-votes", (
    "election.cc", "if (role_ == Role::kFollower && follow_.heard) return Refusal::kLeaderAlive;",
    "if (role_ == Role::kFollower) return Refusal::kLeaderAlive;"))
mutant("no_check_quorum", "P7: a leader without a quorum resigns", (
    "leader.cc", "lead_.check_quorum = alone ? kNever : After(options_.check_quorum_ns());",
    "lead_.check_quorum = alone ? kNever : kNever;"))
mutant("ex_leader_resumes", "I3, P12: an epoch is not led again after a restart", (
    "quorum.cc", "    role_ = Role::kResigned;\n    return SetElectionDeadline();",
    "    role_ = Role::kCandidate;\n    led_before_.reset();\n    hard_state_.leader = NodeId{};\n"
    "    return StartRound(false);"))
mutant("damaged_node_votes", "rule 3.1.4: no vote with a hole in the log", (
    "election.cc", "  if (damaged_) return Refusal::kDamaged;\n  if (hard_state_.voted_for == candidate)",
    "  if (hard_state_.voted_for == candidate)"))
mutant("repaired_too_early", "rule 3.1.4: repaired at the leader's high watermark", (
    "follower.cc",
    "if (follow_.leader_high_watermark == Offset{} || durable_end_ < follow_.leader_high_watermark) return;",
    ""))

# Durability and commitment.
mutant("ack_before_fsync", "P6, I7: acknowledges what is not durable", (
    "follower.cc", "    effects_->append = append;",
    "    effects_->append = append;\n    durable_end_ = log_end();\n    Acknowledge();"), (
    "quorum.cc", "  MOM_CHECK(event.durable_end >= durable_end_, event.durable_end, durable_end_);\n"
    "  if (event.durable_end == durable_end_) return;", "  if (event.durable_end <= durable_end_) return;"))
mutant("leader_counts_unsynced", "I8: a leader counts by its own durable end", (
    "watermark.cc", "if (is_voter()) ends[count++] = durable_end_;",
    "if (is_voter()) ends[count++] = log_end();"))
mutant("removed_leader_counts", "I14: a leader that is no voter does not count", (
    "watermark.cc", "if (is_voter()) ends[count++] = durable_end_;", "ends[count++] = durable_end_;"), (
    "watermark.cc", "MOM_CHECK(count == voters().size(), count, voters().size());", ""))
mutant("hw_from_sent", "high watermark from acknowledged ends only", (
    "watermark.cc", "if (p.voter) ends[count++] = p.match;", "if (p.voter) ends[count++] = p.next;"))
mutant("old_epoch_commit", "I9, thesis 3.6.2: entries of older epochs by counting", (
    "watermark.cc", "if (end <= lead_.epoch_start) return;", "if (end <= high_watermark_) return;"), (
    "invariants.cc",
    "    MOM_CHECK(*lead.high_watermark > lead.epoch_start, *lead.high_watermark, lead.epoch_start);  // I9.\n", ""))
mutant("minority_commits", "a majority, not one less", (
    "watermark.cc", "return ends[voters().majority() - 1];",
    "return ends[voters().majority() > 2 ? voters().majority() - 2 : 0];"))
mutant("applies_unsynced", "I5: applies only what is durable here", (
    "quorum.cc", "const Offset end = std::min(high_watermark_, durable_end_);", "const Offset end = high_watermark_;"))
mutant("hw_not_bounded", "I5: a follower's high watermark ends with its log", (
    "follower.cc", "std::max(high_watermark_, std::min(leader_high_watermark, log_end()))",
    "std::max(high_watermark_, leader_high_watermark)"))
mutant("hw_before_truncation", "P1, KAFKA-14704: no high watermark from an answer that asks to truncate", (
    "follower.cc", "  const Offset to = epochs_.TruncationPoint(diverging);",
    "  FollowHighWatermark(reply.high_watermark);\n  const Offset to = epochs_.TruncationPoint(diverging);"), (
    "follower.cc", "to >= high_watermark_ && to >= log_start()", "to >= log_start()"))
mutant("disk_not_in_identity", "P13: a lost disk acknowledges for the old one", (
    "sessions.cc", "    if (p.key == key) return &p;", "    if (p.key.node == key.node) return &p;"))

# Log matching and streams.
mutant("unknown_epoch_accepted", "P2: an unknown epoch never matches", (
    "epoch_table.cc", "if (mine->epoch == last_epoch && end <= mine->end) return Position::kMatches;",
    "if (end <= mine->end) return Position::kMatches;"))
mutant("epoch_survives_truncation", "P4, KAFKA-10706: the table keeps what was truncated", (
    "epoch_table.cc", "while (!epochs_.empty() && epochs_.back().start >= to) epochs_.pop_back();",
    "while (!epochs_.empty() && epochs_.back().start > to) epochs_.pop_back();"))
mutant("no_session_check", "S3: frames of older streams are dropped", (
    "follower.cc", "reply.session != follow_.session || from.node != follow_.peer) return;",
    "from.node != follow_.peer) return;"))
mutant("opens_with_unsynced_tail", "S1: opens only with a durable log", (
    "follower.cc", "if (now_ < follow_.reopen || durable_end_ != log_end()) return;",
    "if (now_ < follow_.reopen) return;"))
mutant("empty_frames_fill_window", "found by the first simulated history: frames without entries take no place", (
    "sessions.cc", "if (event.end > p.next) p.sent.Push(event.end, event.bytes);",
    "if (event.end > p.match) p.sent.Push(event.end, event.bytes);"))
mutant("log_start_epoch_lost", "KIP-630: the epoch before the log's start stays known", (
    "epoch_table.cc", "  floor_ = EpochBefore(to);\n", ""))

# Voter changes, snapshots, reads.
mutant("change_before_own_commit", "raft-dev 2015: no voter change before an entry of the own epoch is committed", (
    "membership.cc", "  if (!lead_.high_watermark) return Refusal::kNotReady;\n", ""), (
    "membership.cc", "last->offset >= *lead_.high_watermark)) return Refusal::kBusy;",
    "last->offset >= high_watermark_)) return Refusal::kBusy;"))
mutant("two_changes_at_once", "thesis 4: one voter change at a time", (
    "membership.cc", "if (lead_.transfer || (last != nullptr && last->offset >= *lead_.high_watermark))",
    "if (lead_.transfer || (last != nullptr && last->offset >= log_end()))"))
mutant("voters_survive_truncation", "I15: truncation brings back the voters before", (
    "follower.cc", "  voters_.TruncateTo(to);\n", ""))
mutant("install_leaves_hw", "P11, I16: an installed snapshot moves the high watermark", (
    "snapshot.cc", "durable_end_ = high_watermark_ = committed_end_ = event.id.end;",
    "durable_end_ = committed_end_ = event.id.end;"))
mutant("snapshot_without_voters", "I15: an installed snapshot brings its voters", (
    "snapshot.cc", "  voters_.Reset(follow_.pulled_voters);\n", ""))
mutant("read_by_old_contact", "P15: a majority's answer from before the read confirms it", (
    "reads.cc", "if (lead_.probe == 0 || lead_.probe_used) {", "if (lead_.probe == 0) {"))
mutant("read_without_own_commit", "P15: reads before an entry of the own epoch is committed", (
    "reads.cc", "if (lead_.reads.empty() || !lead_.high_watermark) return;", "if (lead_.reads.empty()) return;"), (
    "reads.cc", "it->read_end.value_or(*lead_.high_watermark)", "it->read_end.value_or(high_watermark_)"), (
    "reads.cc", "lead_.reads.push_back(WaitingRead{event.id, lead_.probe, lead_.high_watermark});",
    "lead_.reads.push_back(WaitingRead{event.id, lead_.probe, high_watermark_});"))
