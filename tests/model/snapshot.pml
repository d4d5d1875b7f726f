/* A follower that is too far behind installs a snapshot while its leader goes on appending, takes newer snapshots
 * and deletes old ones, while frames of its last fetch session may still arrive, and while it may crash between
 * any two of its writes.
 *
 * All good entries are the leader's; the follower's log holds them up to `good`, and what an older leader wrote
 * from there on. A snapshot is named by its end; the leader keeps one, and its log starts there. A snapshot has
 * two chunks.
 *
 * Bounds: SLOTS (the leader's log), BREAKS (of fetch streams), CRASHES (of the follower).
 * -DBUG_... breaks one rule, -DONLY=... checks one property, -DWITNESS=n asks whether a situation is reached.
 */
#ifndef SLOTS
#define SLOTS 4
#endif
#ifndef BREAKS
#define BREAKS 2
#endif
#ifndef CRASHES
#define CRASHES 2
#endif

#define I16 1   /* After an install: log start = log end = applied end = hw = snapshot end. */
#define START 2 /* A log that does not start at 0 starts at a durable snapshot's end, on both sides. */
#define G5 3    /* What was acknowledged stays on the disk: in the snapshot or in the log. */
#define I12 4   /* Frames are contiguous. */
#define CHUNKS 5 /* An installed snapshot is made of the chunks of one snapshot. */
#define I5 6    /* What is applied is on the log, and is the leader's. */
#define L2 7    /* When nothing more can happen, the follower has everything. */

#ifdef ONLY
#define CHECK(property, holds) assert(property != ONLY || (holds))
#else
#define CHECK(property, holds) assert(holds)
#endif
#ifdef WITNESS
#define SEEN(number, situation) assert(WITNESS != number || !(situation))
#else
#define SEEN(number, situation) skip
#endif
#define MIN(a, b) ((a) < (b) -> (a) : (b))
#define MAX(a, b) ((a) < (b) -> (b) : (a))

/* The leader. Everything it has is committed by the others, so that it may make a snapshot of any prefix. */
byte leader_end = 2;
byte leader_start;    /* Its log starts here. */
byte leader_snapshot; /* End of the snapshot that it serves. */

/* The follower's disk. */
byte start, end;      /* Of the log. */
byte good;            /* Entries below are the leader's; start <= good <= end. */
byte durable;
byte snapshot;        /* End of the newest complete snapshot; 0: none. */
bool snapshot_torn;   /* Made of chunks of two snapshots. */

/* The follower's memory. */
byte applied, hw;
mtype = { fetching, pulling, renaming, resetting, loading };
mtype phase = fetching;
byte part, chunks;    /* Snapshot that is being pulled, and how many chunks of it there are. */
bool part_mixed;
bool is_open;
byte session, crashes, breaks;
byte acked;           /* The highest end ever acknowledged. */

/* One frame with one entry under way; session 0: none. */
byte frame_session, frame_base, frame_hw;

inline check_disk() {
  CHECK(START, start == 0 || snapshot >= start);
  CHECK(START, leader_start == leader_snapshot);
  /* What a restart would find: the snapshot, and good durable entries that join it. */
  CHECK(G5, acked <= (start <= snapshot && MIN(good, durable) > snapshot -> MIN(good, durable) : snapshot))
}

inline apply() { /* Up to min(hw, durable), as the view would. */
  if
  :: start <= applied && MIN(hw, durable) > applied -> applied = MIN(hw, durable)
  :: else
  fi;
  CHECK(I5, applied <= good)
}

/* The log becomes empty at the snapshot's end. */
inline reset_log() {
#ifndef BUG_START_NOT_MOVED
  start = part;
#endif
  end = part;
  good = part;
  durable = part
}

inline load() {
  applied = part;
#ifndef BUG_HW_NOT_MOVED
  hw = MAX(hw, part);
#endif
  CHECK(I16, start == part && end == part && applied == part && hw == part);
  CHECK(CHUNKS, !snapshot_torn);
  phase = fetching;
  part = 0;
  chunks = 0;
  part_mixed = false
}

/* A restart completes what was begun: a complete snapshot that the log does not reach, or contradicts, wins. */
inline restart() {
  crashes++;
  end = durable;
  good = MIN(good, end);
  is_open = false;
  phase = fetching;
  chunks = 0;
  part_mixed = false;
  part = snapshot;
#ifdef BUG_LONGER_LOG_WINS
  if
  :: end < snapshot -> reset_log()
#else
  if
  :: good < snapshot -> reset_log() /* The entry before the snapshot's end has another epoch, or is missing. */
#endif
  :: else
  fi;
  part = 0;
  applied = snapshot;
  hw = snapshot;
  SEEN(1, snapshot > 0 && good > snapshot);
  check_disk();
  apply()
}

active proctype Leader() {
end_idle:
  do
  :: d_step { leader_end < SLOTS -> leader_end++ }
  /* A newer snapshot: complete and durable before the log's beginning and the old one go. */
  :: d_step { leader_snapshot < leader_end ->
#ifdef BUG_TRIM_FIRST
       leader_start = leader_snapshot + 1; check_disk();
#endif
       leader_snapshot++; leader_start = leader_snapshot; check_disk() }
  od
}

active proctype Follower() {
  atomic {
    if
    :: end = 0
    :: end = 1; good = 1
    :: end = 1; good = 0
    :: end = 3; good = 1
    fi;
    durable = end;
    acked = good
  };
end_idle:
  do
  /* A position too old, or an epoch older than all that the leader's log has: the answer is a snapshot id. */
  :: d_step { phase == fetching && !is_open && durable == end &&
       (end < leader_start || (good < end && good < leader_start)) ->
       session++; phase = pulling; part = leader_snapshot; chunks = 0; part_mixed = false;
#ifdef BUG_FETCH_GOES_ON
       is_open = true
#endif
     }
  /* A position that matches, or a cut back to where it does. */
  :: d_step { phase == fetching && !is_open && durable == end && good >= leader_start ->
       session++; is_open = true; SEEN(2, good < end); end = good; durable = end; check_disk() }
  :: d_step { is_open && frame_session == 0 && end < leader_end && end >= leader_start ->
       frame_session = session; frame_base = end; frame_hw = leader_end }
  /* No entry is left to carry the high watermark: a frame of its own. */
  :: d_step { is_open && phase == fetching && end == leader_end && hw < end -> hw = end; apply() }
  /* The leader's log start has passed the session's position: it answers with a snapshot id, also in the middle. */
#ifndef BUG_SILENT_BELOW_START
  :: d_step { is_open && phase == fetching && end < leader_start -> is_open = false }
#endif
  /* The stream breaks; its frame may still be somewhere in the process. */
  :: d_step { is_open && breaks < BREAKS -> breaks++; is_open = false }
  :: d_step { frame_session != 0 ->
       if
#ifdef BUG_NO_SESSION_CHECK
       :: true ->
#else
       :: is_open && frame_session == session ->
#endif
          CHECK(I12, frame_base == end);
          good = (good == end -> end + 1 : good);
          end++;
          hw = MAX(hw, MIN(frame_hw, end))
       :: else -> SEEN(3, frame_session != 0 && phase != fetching)
       fi;
       frame_session = 0; frame_base = 0; frame_hw = 0 }
  :: d_step { durable < end && phase == fetching -> durable = end; apply() }
  :: d_step { is_open && phase == fetching && acked < durable -> acked = durable; check_disk() }

  /* FetchSnapshot(id, position): bytes, or SNAPSHOT_NOT_FOUND: forget it and fetch again. */
  :: d_step { phase == pulling && chunks < 2 && part == leader_snapshot -> chunks++ }
#ifndef BUG_NOT_FOUND_IGNORED
  :: d_step { phase == pulling && chunks < 2 && part != leader_snapshot ->
#ifdef BUG_MIXED_CHUNKS
       part_mixed = (chunks > 0); part = leader_snapshot; chunks++
#else
       phase = fetching; part = 0; chunks = 0
#endif
     }
#endif
#ifdef BUG_RESET_FIRST
  :: d_step { phase == pulling && chunks == 2 -> reset_log(); check_disk(); phase = renaming }
  :: d_step { phase == renaming -> snapshot = part; snapshot_torn = part_mixed; check_disk(); phase = loading }
#else
  :: d_step { phase == pulling && chunks == 2 -> phase = renaming }
  :: d_step { phase == renaming -> snapshot = part; snapshot_torn = part_mixed; check_disk(); phase = resetting }
  :: d_step { phase == resetting -> reset_log(); check_disk(); phase = loading }
#endif
  :: d_step { phase == loading -> load() }

  :: d_step { crashes < CRASHES -> restart() }
  :: timeout -> CHECK(L2, durable == leader_end && good == end && applied == end);
       SEEN(4, durable == leader_end && snapshot > 0 && crashes == CRASHES); break
  od
}
