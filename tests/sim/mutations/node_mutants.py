"""Bugs of the driver and of opening a data folder: small textual changes of replication/replica. See mutants.py."""

MUTANTS = []


def mutant(name, rule, *edits):
    MUTANTS.append((name, rule, edits))


# The driver.
mutant("hard_state_not_written", "I2: durable before anything that depends on it", (
    "replica_effects.cc", "  if (effects.hard_state) status = ExecuteHardState(*effects.hard_state);\n", ""))
mutant("truncate_not_carried_out", "effects run from top to bottom", (
    "replica_effects.cc", "  auto timestamp = ports_.log->Truncate(to);\n  if (!timestamp.ok()) return timestamp.status();\n"
    "  clock_.Follow(*timestamp, ports_.runtime->Now());\n", ""))
mutant("waits_over_a_truncation", "G8: the entry at an offset may be another one by now", (
    "replica_effects.cc", "  AnswerUncertain(to, \"another leader's entries took the place of this one\");\n", ""), (
    "replica_effects.cc",
    "      AnswerUncertain(handed_end_, \"leadership was lost before the entry was committed\");\n", ""))
mutant("acknowledges_when_appended", "promise 1: only what a majority holds", (
    "replica_effects.cc",
    "      if (proposal.done) waiting_.push_back(Waiting{offset, std::move(proposal.done)});\n",
    "      if (proposal.done) proposal.done(Outcome{Status(), {}, offset, append.epoch});\n"))
mutant("trims_what_is_not_durable", "what is not durable can only be had from the tail", (
    "replica_effects.cc", "const Offset needless = std::min(quorum_.durable_end(), handed_end_);",
    "const Offset needless = quorum_.log_end();"), (
    "replica_effects.cc", "followed ? options_.tail_bytes_max : 0", "followed ? 0 : 0"))
mutant("reads_not_confirmed", "P15: a leader confirms that it leads", (
    "replica_driver.cc", "  const uint64_t id = ++last_id_;\n  reads_.emplace(id, std::move(done));\n",
    "  if (quorum_.role() == quorum::Role::kLeader) return done(quorum_.committed_end());\n"
    "  const uint64_t id = ++last_id_;\n  reads_.emplace(id, std::move(done));\n"))
mutant("time_falls", "I12: timestamps never fall", (
    "replica_effects.cc", "  const Timestamp now = StampNow();", "  const Timestamp now = ports_.runtime->Wall();"))
mutant("old_time_after_a_truncation", "the log's own last time counts", (
    "replica_effects.cc", "  clock_.Follow(*timestamp, ports_.runtime->Now());\n", "  (void)*timestamp;\n"))
mutant("sends_more_than_ordered", "a frame holds what was ordered", (
    "replica_effects.cc", "  if (entries->size() > wanted) entries->resize(wanted);\n", "  (void)wanted;\n"))
mutant("commits_from_the_wrong_place", "every entry is applied once", (
    "replica_effects.cc", "  const Offset from = std::max(handed_end_, tail_.begin());",
    "  const Offset from = std::max(Next(handed_end_), tail_.begin());"))

# Timers.
mutant("posted_tasks_do_not_arm", "T1: whatever runs on the driver's thread ends in arming its timer", (
    "driver_thread.cc", "  Enqueue(MakeTask(std::move(run)));",
    "  Enqueue(MakeTask([this, run = std::move(run)] {\n    run();\n"
    "    if (driver_ != nullptr) armed_for_ = driver_->wake_at();  // As if it were.\n  }));"))
mutant("a_clock_entry_leads_nowhere", "T1: what is due behind a clock entry is looked at again", (
    "replica_driver.cc", "  clock_in_flight_ = 0;\n  PlanClock();\n", "  clock_in_flight_ = 0;\n"))
mutant("a_new_leader_forgets_what_is_due", "T1: a leader begins with what was due before", (
    "replica_effects.cc", "    PlanClock();\n", ""))
mutant("a_lost_clock_entry_is_waited_for", "T1: leadership lost, the clock entry is not on its way any more", (
    "replica_effects.cc", "      clock_in_flight_ = 0;\n", ""), (
    "replica_driver.cc", "  if (clock_in_flight_ != ticket) return;\n  clock_in_flight_ = 0;\n",
    "  if (quorum_.role() != quorum::Role::kLeader) return;\n  clock_in_flight_ = 0;\n  (void)ticket;\n"))

# Opening, repairing, installing.
mutant("damage_not_marked", "a log with a hole does not vote (ADR 9)", (
    "open_log.cc", "  restored.damaged = log.damaged;\n", ""))
mutant("damage_forgotten_by_a_restart", "the mark stays until the log is whole", (
    "open_log.cc", "  MOM_RETURN_IF_ERROR(MarkDamaged(options.env, options.dir));\n  const auto aside", "  const auto aside"))
mutant("damaged_log_starts_at_zero", "the view says where the log goes on", (
    "open_log.cc", "  MOM_RETURN_IF_ERROR(ContinueBehind(view, &log));\n", ""))
mutant("view_not_switched", "an installation ends with its view in use", (
    "open_log.cc", "  MOM_RETURN_IF_ERROR(WriteViewName(env, dir, installation->view));\n", ""))
mutant("all_of_the_log_is_committed", "only what the view held is known to be committed", (
    "open_log.cc", "  restored.committed_end = view.end;", "  restored.committed_end = log.wal->log_end();"))
mutant("voters_of_the_beginning", "I15: the voters in force", (
    "open_log.cc", "    restored.voter_entries.push_back({entry.offset, *set});\n", "    (void)*set;\n"))

# Running ahead.
mutant("ahead_of_a_truncation", "ADR 18: only what was committed in the end, and not what was at its offsets before", (
    "executed_batch.cc", " || entry.epoch != outcomes_[i].epoch", ""))
mutant("marks_of_what_was_thrown_away", "G7: a node tells others only of states that it had", (
    "executed_batch.cc", "  if (!is_written_) marks_->Forget();\n", ""))
