/* One fetch session after the other between one leader and one follower, with explicit messages.
 *
 * pull.pml takes for granted that a stale message changes nothing and that the leader's picture of a follower is
 * never better than the follower's disk. Here this is earned: each session is a stream (in order, cut at any
 * message), a new one may be opened at any time, and what the old one still carries may arrive before, between
 * and after the messages of the new one, in both directions. The disk reports an fsync later than it happened.
 *
 * The leader has epoch 3 and stays; the second voter of the majority is the follower. Both logs begin in any of
 * a few states that elections can leave behind.
 *
 * Bounds: SLOTS (log capacity), REOPENS (sessions opened without need), CRASHES (of the follower).
 * -DBUG_... breaks one rule, -DONLY=... checks one property, -DWITNESS=n asks whether a situation is reached.
 */
#ifndef SLOTS
#define SLOTS 4
#endif
#ifndef REOPENS
#define REOPENS 1
#endif
#ifndef CRASHES
#define CRASHES 1
#endif

/* Three: the one that was found to diverge, one that ends early, and the one that is then valid. */
#define STREAMS 3

#define G3 1   /* The follower's log below an accepted frame's end is the leader's. */
#define G5 2   /* What the leader committed is on the follower's disk, and stays there. */
#define I6 3   /* Truncation never below the high watermark, never with a write in flight. */
#define I7 4   /* A sent durable_end is durable. */
#define I11 5  /* match <= next <= log end; acknowledgements within a session never fall. */
#define I12 6  /* Frames of a session are contiguous. */
#define L2 7   /* When nothing more can happen, the follower holds all that the leader holds, durably. */

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

/* Logs are packed, four bits (the epoch) an entry. */
#define PREFIX(log, end) ((log) & ((1 << (4 * (end))) - 1))
#define EPOCH_AT(log, offset) (((log) >> (4 * (offset))) & 15)
#define LOG(a, b, c) ((a) + 16 * (b) + 256 * (c))
#define LAST_EPOCH(log, end) ((end) == 0 -> 0 : EPOCH_AT(log, (end) - 1))
#define MIN(a, b) ((a) < (b) -> (a) : (b))
#define OWN_EPOCH 3

mtype = { entry, watermark, diverging };

/* The current stream and the two before it; older ones are taken to be lost. Fields as in the protocol's messages. */
chan up[STREAMS] = [2] of { byte, byte, byte };                 /* session, durable_end, last_epoch */
chan down[STREAMS] = [2] of { byte, mtype, byte, byte, byte };  /* session, kind, base or end, epoch, hw */

int leader_log, follower_log;
byte leader_end, follower_end;
byte hw; /* The leader's; what clients were told. */

byte durable, known, syncing; /* Truth on the follower's disk, what was reported of it, what will be reported. */
byte follower_hw, crashes, reopens;
byte session;    /* Of the follower; grows with every open, over restarts too. */
bool is_open;
byte acked;      /* What the follower said last in this session. */
bool must_open;  /* It has no session that could make progress. */

byte leader_session, match, next; /* The leader's side. */
bool is_valid;                    /* The position was on the leader's log. */

hidden byte s, d, e, b, w, i, found_epoch, found_end, to;
hidden mtype kind;

inline check_on_disk() {
  CHECK(G5, hw <= durable && PREFIX(follower_log, hw) == PREFIX(leader_log, hw))
}

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

inline count(end_) { /* An acknowledgement that the leader believes. */
#ifndef BUG_LEADER_NO_CHECK
  CHECK(I11, !is_valid || (match <= (end_) && (end_) <= next));
#endif
  match = end_;
  if
  :: match > hw && match <= leader_end && LAST_EPOCH(leader_log, match) == OWN_EPOCH ->
     hw = match;
     check_on_disk()
  :: else
  fi
}

inline leader_receives() {
  if
  :: s > leader_session -> /* S2: a new session, its first message is the position. */
     leader_session = s;
     find(leader_log, leader_end, e);
     if
#ifdef BUG_UNKNOWN_EPOCH_MATCHES
     :: (found_epoch != e || d <= found_end) ->
#else
     :: found_epoch == e && d <= found_end ->
#endif
        is_valid = true;
        match = 0;
        next = d;
        count(d)
     :: else ->
        is_valid = false;
        match = 0;
        next = 0;
        down[s % STREAMS]!s, diverging, found_end, found_epoch, hw
     fi
#ifdef BUG_LEADER_NO_CHECK
  :: s <= leader_session && is_valid -> count(d)
#else
  :: s == leader_session && is_valid -> count(d)
#endif
  :: else /* Stale, or of a session that only waits for the follower to truncate. */
  fi
}

inline cut(at) {
  follower_log = PREFIX(follower_log, at);
  follower_end = at;
  durable = MIN(durable, at);
  known = MIN(known, at)
}

inline follower_receives() {
  if
#ifdef BUG_FOLLOWER_NO_CHECK
  :: !is_open ->
#else
  :: !is_open || s != session -> /* S3: stale. */
     SEEN(1, kind == diverging);
     SEEN(2, kind == entry && b == follower_end);
#endif
     skip
  :: else ->
     if
     :: kind == entry ->
        CHECK(I12, b == follower_end);
        follower_log = PREFIX(follower_log, follower_end) | (e << (4 * follower_end));
        follower_end++;
        CHECK(G3, PREFIX(follower_log, follower_end) == PREFIX(leader_log, follower_end))
     :: kind == diverging ->
        CHECK(I6, known == follower_end && syncing == 0);
        find(follower_log, follower_end, e);
        to = (found_epoch == e -> MIN(found_end, b) : found_end);
        CHECK(I6, to >= follower_hw);
        SEEN(3, to > 0 && to < follower_end);
        cut(to);
        check_on_disk();
        /* The log was changed by other means than this stream: it ends. */
        is_open = false;
        must_open = true
     :: else
     fi;
     if
     :: kind != diverging && MIN(w, follower_end) > follower_hw -> follower_hw = MIN(w, follower_end)
     :: else
     fi
  fi
}

#ifdef BUG_OPEN_UNSYNCED
#define MAY_OPEN true
#else
#define MAY_OPEN (known == follower_end) /* S1 */
#endif
inline open() {
  session++;
  is_open = true;
  must_open = false;
  acked = known;
  /* The stream that had this place is lost. */
  do :: len(up[session % STREAMS]) > 0 -> up[session % STREAMS]?_, _, _ :: len(up[session % STREAMS]) == 0 -> break od;
  do :: len(down[session % STREAMS]) > 0 -> down[session % STREAMS]?_, _, _, _, _ :: len(down[session % STREAMS]) == 0 -> break od;
  CHECK(I7, known <= durable);
#ifdef BUG_EPOCH_OF_REPLY
  /* P3: the epoch of what was last received, and nothing was received yet. */
  up[session % STREAMS]!session, known, 0
#else
  up[session % STREAMS]!session, known, LAST_EPOCH(follower_log, known)
#endif
}

#ifdef BUG_ACK_BEFORE_FSYNC
#define ACK follower_end
#else
#define ACK known
#endif

/* An epoch has one start, and one log before it. */
hidden byte first, second;
bool possible;
inline find_start(log, log_end, epoch_, start) {
  start = 0;
  do
  :: start < log_end && EPOCH_AT(log, start) < epoch_ -> start++
  :: else -> break
  od
}
inline check_possible() {
  possible = true;
  e = 1;
  do
  :: e < OWN_EPOCH ->
     find_start(leader_log, leader_end, e, first);
     find_start(follower_log, follower_end, e, second);
     if
     :: first < leader_end && second < follower_end && EPOCH_AT(leader_log, first) == e &&
        EPOCH_AT(follower_log, second) == e &&
        (first != second || PREFIX(leader_log, first) != PREFIX(follower_log, first)) -> possible = false
     :: else
     fi;
     e++
  :: else -> break
  od
}

bool started;
init {
  atomic {
    if
    :: leader_log = LOG(1, 3, 0); leader_end = 2
    :: leader_log = LOG(2, 3, 0); leader_end = 2
    :: leader_log = LOG(1, 1, 3); leader_end = 3
    :: leader_log = LOG(1, 2, 3); leader_end = 3
    fi;
    if
    :: follower_log = 0; follower_end = 0
    :: follower_log = LOG(1, 0, 0); follower_end = 1
    :: follower_log = LOG(2, 0, 0); follower_end = 1
    :: follower_log = LOG(1, 1, 0); follower_end = 2
    :: follower_log = LOG(1, 2, 0); follower_end = 2
    :: follower_log = LOG(2, 2, 0); follower_end = 2
    :: follower_log = LOG(1, 2, 2); follower_end = 3
    :: follower_log = LOG(1, 1, 1); follower_end = 3
    fi;
    d_step { check_possible() };
    possible;
    if
    :: durable = follower_end; known = durable
    :: follower_end > 0 -> durable = follower_end - 1; known = durable
    fi;
    must_open = true;
    started = true
  }
}

active proctype Leader() {
  started;
end_idle:
  do
  :: d_step { leader_end < SLOTS -> leader_log = leader_log | (OWN_EPOCH << (4 * leader_end)); leader_end++ }
  :: d_step { is_valid && next < leader_end && nfull(down[leader_session % STREAMS]) ->
       down[leader_session % STREAMS]!leader_session, entry, next, EPOCH_AT(leader_log, next), hw; next++ }
  :: d_step { is_valid && nfull(down[leader_session % STREAMS]) && follower_hw < hw -> /* Coalesced: only when news. */
       down[leader_session % STREAMS]!leader_session, watermark, next, 0, hw }
  :: d_step { nfull(down[0]) && up[0]?[s, d, e] -> up[0]?s, d, e; leader_receives() }
  :: d_step { nfull(down[1]) && up[1]?[s, d, e] -> up[1]?s, d, e; leader_receives() }
  :: d_step { nfull(down[2]) && up[2]?[s, d, e] -> up[2]?s, d, e; leader_receives() }
  od
}

active proctype Follower() {
  started;
end_idle:
  do
  :: d_step { MAY_OPEN && must_open -> open() }
  :: d_step { MAY_OPEN && reopens < REOPENS && is_open -> reopens++; open() }
  :: d_step { down[0]?[s, kind, b, e, w] -> down[0]?s, kind, b, e, w; follower_receives() }
  :: d_step { down[1]?[s, kind, b, e, w] -> down[1]?s, kind, b, e, w; follower_receives() }
  :: d_step { down[2]?[s, kind, b, e, w] -> down[2]?s, kind, b, e, w; follower_receives() }
  :: d_step { syncing == 0 && known < follower_end -> durable = follower_end; syncing = follower_end }
  :: d_step { syncing > 0 ->
       if :: MIN(syncing, follower_end) > known -> known = MIN(syncing, follower_end) :: else fi; syncing = 0 }
  :: d_step { is_open && acked < ACK && nfull(up[session % STREAMS]) ->
       CHECK(I7, ACK <= durable); acked = ACK;
       up[session % STREAMS]!session, ACK, LAST_EPOCH(follower_log, ACK) }
  :: d_step { crashes < CRASHES ->
       crashes++; cut(durable); known = durable; syncing = 0; follower_hw = 0; is_open = false; must_open = true;
#ifdef BUG_SESSION_RESTARTS
       session = 0;
#endif
       check_on_disk() }
  :: timeout ->
       CHECK(L2, durable == leader_end && PREFIX(follower_log, durable) == leader_log && hw == leader_end &&
                 follower_hw == hw);
       SEEN(4, crashes == CRASHES && reopens == REOPENS);
       break
  od
}
