/* Divergence and truncation as such: whatever two logs elections can leave behind, rounds of fetching make the
 * follower's equal to the leader's, and no round takes away what both have. No crash and no second election; each
 * round is one request with its answer. The property is a liveness one (LTL), because a follower that does not
 * truncate is perfectly safe: it just never gets anywhere.
 *
 * Bounds: SLOTS (entries of each log at the start, at most 6), EPOCHS (of these entries).
 * -DBUG_... breaks one rule, -DONLY=... checks one property besides the LTL one.
 */
#ifndef SLOTS
#define SLOTS 4
#endif
#ifndef EPOCHS
#define EPOCHS 3
#endif

#define G3 1     /* A position that was accepted is on the leader's log. */
#define COMMON 2 /* Truncation keeps what both logs have. */
#define ROUNDS 3 /* At most as many truncations as the follower has epochs. */
#define L2 4     /* The LTL property; only a name for the table. */

#ifdef ONLY
#define CHECK(property, holds) assert(property != ONLY || (holds))
#else
#define CHECK(property, holds) assert(holds)
#endif

/* Logs are packed, four bits (the epoch) an entry. */
#define PREFIX(log, end) ((log) & ((1 << (4 * (end))) - 1))
#define EPOCH_AT(log, offset) (((log) >> (4 * (offset))) & 15)
#define MIN(a, b) ((a) < (b) -> (a) : (b))
#define OWN_EPOCH (EPOCHS + 1)

int leader_log, follower_log;
byte leader_end, follower_end;
byte last_epoch; /* Of the follower's last entry. */
byte rounds, epochs_at_start;
bool same;
byte top; /* While a log is chosen. */

hidden byte e, first, second, found_epoch, found_end, to;
bool possible;

inline find(log, log_end, epoch_) { /* Largest epoch not above epoch_, and its exclusive end. */
  found_epoch = 0;
  found_end = 0;
  do
  :: found_end < log_end && EPOCH_AT(log, found_end) <= epoch_ ->
     found_epoch = EPOCH_AT(log, found_end);
     found_end++
  :: else -> break
  od
}
inline find_start(log, log_end, epoch_, start) {
  start = 0;
  do
  :: start < log_end && EPOCH_AT(log, start) < epoch_ -> start++
  :: else -> break
  od
}
/* An epoch has one start, and one log before it. */
inline check_possible() {
  possible = true;
  epochs_at_start = 0;
  e = 1;
  do
  :: e <= EPOCHS ->
     find_start(leader_log, leader_end, e, first);
     find_start(follower_log, follower_end, e, second);
     if
     :: second < follower_end && EPOCH_AT(follower_log, second) == e ->
        epochs_at_start++;
        possible = possible && (first >= leader_end || EPOCH_AT(leader_log, first) != e ||
                                (first == second && PREFIX(leader_log, first) == PREFIX(follower_log, first)))
     :: else
     fi;
     e++
  :: else -> break
  od
}
inline any_log(log, log_end) {
  top = 1;
  do
  :: log_end < SLOTS -> log = log | (top << (4 * log_end)); log_end++
  :: top < EPOCHS -> top++
  :: break
  od;
  top = 0
}

inline take_last_epoch() {
#ifdef BUG_EPOCH_KEPT
  /* P4: a table that keeps an epoch whose entries were truncated. */
  skip
#else
  last_epoch = (follower_end == 0 -> 0 : EPOCH_AT(follower_log, follower_end - 1))
#endif
}

inline truncate() {
  find(follower_log, follower_end, first);
  to = (found_epoch == first -> MIN(found_end, second) : found_end);
#ifdef BUG_ONE_ENTRY_A_ROUND
  to = follower_end - 1; /* Whatever the leader says: arrives as well, but late. */
#endif
#ifdef BUG_CUT_TOO_MUCH
  /* Forgets that the smaller epoch may be on the leader's log, too. */
  if
  :: to > 0 -> to--
  :: else
  fi;
#endif
  CHECK(COMMON, PREFIX(follower_log, to + 1) != PREFIX(leader_log, to + 1));
#ifndef BUG_NO_TRUNCATION
  follower_log = PREFIX(follower_log, to);
  follower_end = to;
#endif
  take_last_epoch();
#ifndef BUG_EPOCH_KEPT
#ifndef BUG_NO_TRUNCATION
  rounds++;
  CHECK(ROUNDS, rounds <= epochs_at_start)
#endif
#endif
}

active proctype Follower() {
  atomic {
    any_log(leader_log, leader_end);
    any_log(follower_log, follower_end);
    skip; /* A jump may not lead into a d_step. */
    d_step {
      check_possible();
      leader_log = leader_log | (OWN_EPOCH << (4 * leader_end));
      leader_end++;
      last_epoch = (follower_end == 0 -> 0 : EPOCH_AT(follower_log, follower_end - 1))
    };
    if
    :: possible
    :: else -> same = true; goto done /* Not a pair that elections can leave behind. */
    fi
  };
  do
  :: d_step { !same ->
       find(leader_log, leader_end, last_epoch);
       first = found_epoch;
       second = found_end;
       if
#ifdef BUG_UNKNOWN_EPOCH_MATCHES
       :: first != last_epoch || follower_end <= second ->
#else
       :: first == last_epoch && follower_end <= second ->
#endif
          CHECK(G3, PREFIX(leader_log, follower_end) == follower_log);
          follower_log = leader_log;
          follower_end = leader_end;
          same = true
       :: else -> truncate()
       fi }
  :: same -> break
  od;
done: skip
}

ltl converges { <> same }
