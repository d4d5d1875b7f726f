/* The pull protocol with three voters: elections, fetching, truncation, the high watermark, crashes.
 *
 * A node is a record of its durable and its volatile state; a step of the protocol is one d_step of a process.
 * Messages are not kept: a message that can only be delivered while its sender still stands where it stood when
 * it sent is delivered in the same step, and everything that a slow message may see in between is a step that
 * happens later. docs/model.md says for each message why no behaviour is lost; session.pml has the streams with
 * explicit, slow and stale messages.
 *
 * Bounds (-D): EPOCHS, SLOTS (log capacity, at most 4), CRASHES, DAMAGES (disks that lose synced entries).
 * -DLATE_FSYNC the disk's report of an fsync comes later than the fsync itself.
 * -DBUG_...    breaks one rule; every bug is found by at least one property.
 * -DONLY=G5    checks only that property, so that one property cannot hide behind another.
 * -DWITNESS=n  asks whether a situation is reached: an error is what is wanted.
 * -DNO_SYMMETRY  keeps the nodes in place: six times the states, but trails are readable.
 */

#ifndef EPOCHS
#define EPOCHS 3
#endif
#ifndef SLOTS
#define SLOTS 3
#endif
#ifndef CRASHES
#define CRASHES 1
#endif

#ifndef DAMAGES
#define DAMAGES 0
#endif
#ifdef BUG_OPEN_UNSYNCED
#define LATE_FSYNC
#endif

/* Properties, named as in the protocol's list of invariants. */
#define G1 1   /* One leader an epoch. */
#define G2 2   /* (offset, epoch) names one entry. */
#define G3 3   /* A follower in a session holds a prefix of its leader's log. */
#define G4 4   /* Leader completeness: a newer leader holds whatever was committed before. */
#define G5 5   /* Committed means on disk at a majority. */
#define G6 6   /* The newest leader's high watermark is never below what was committed. */
#define CP 7   /* The committed prefix is immutable. */
#define I5 8   /* hw <= log end, durable end <= log end. */
#define I6 9   /* Truncation never below the own high watermark. */
#define I7 10  /* An acknowledged end is durable when it is acknowledged. */
#define I10 11 /* A follower's high watermark never falls within a run. */
#define I17 12 /* An epoch's first entry is its LeaderChange, and epochs in a log never fall. */
#define CUTS 13 /* Every diverging answer makes the follower's log shorter. */

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

/* Roles. Prospective and Resigned are Unattached here: a pre-vote changes nothing durable, and a resigned leader
 * has voted for itself, so that it can neither vote nor be elected in its epoch. Elected is a candidate whose
 * second vote was granted; that it learns of it late is the step StartLeading. */
#define UNATTACHED 0
#define FOLLOWER 1 /* Has an open fetch session that its leader has validated. */
#define CANDIDATE 2
#define ELECTED 3
#define LEADER 4

/* A log is packed into one number, four bits an entry: three for the epoch, and one that is set when a second
 * leadership of the same epoch wrote it. So two prefixes are equal when the numbers are. */
#define PREFIX(log, end) ((log) & ((1 << (4 * (end))) - 1))
#define ENTRY(log, offset) (((log) >> (4 * (offset))) & 15)
#define EPOCH_AT(log, offset) (ENTRY(log, offset) & 7)
#define MIN(a, b) ((a) < (b) -> (a) : (b))
#define MAX(a, b) ((a) < (b) -> (b) : (a))

typedef Node {
  /* Durable. Who got the vote is not kept: a grant reaches its candidate in the same step. */
  unsigned epoch : 3;
  unsigned voted : 1;
  unsigned durable : 3; /* Entries below are fsynced; a crash loses the others. */
  unsigned log : 16;
  /* Volatile. */
  unsigned end : 3;
  unsigned role : 3;
  unsigned hw : 3;
  unsigned again : 1; /* Leads an epoch that was led before; never set unless a bug is. */
  unsigned damaged : 1; /* Durable: the disk has lost entries that may have been acknowledged. */
  unsigned match : 9; /* As a leader: durable end acknowledged by each node, three bits each. */
#ifdef LATE_FSYNC
  unsigned known : 3;   /* Durable end as far as was reported. */
  unsigned syncing : 3; /* The end that a fsync will report; 0: none under way. */
#endif
};
Node node[3];
byte crashes, damages;

/* What an outside observer knows. */
unsigned led : 8;            /* Epochs that had a leader, as a bit set. */
unsigned committed : 16;     /* Entries ever below a leader's high watermark. */
unsigned committed_end : 3;

/* Scratch of a single d_step, no part of the state. */
hidden byte i, holders, found_epoch, found_end, last_epoch, to;
hidden int h, x, y;

#ifdef LATE_FSYNC
#define DURABLE(n) node[n].known
#else
#define DURABLE(n) node[n].durable
#endif
#define LAST_EPOCH(n) (node[n].end == 0 -> 0 : EPOCH_AT(node[n].log, node[n].end - 1))
#define MATCH(l, f) ((node[l].match >> (3 * (f))) & 7)
#define SET_MATCH(l, f, value) node[l].match = (node[l].match & ~(7 << (3 * (f)))) | ((value) << (3 * (f)))
#ifdef BUG_NO_FENCE
#define SAME_EPOCH(f, l) (node[l].epoch <= node[f].epoch)
#else
#define SAME_EPOCH(f, l) (node[l].epoch == node[f].epoch)
#endif
#define IN_SESSION(f, l) (node[f].role == FOLLOWER && node[l].role == LEADER && SAME_EPOCH(f, l))
/* A leader has no high watermark until an entry of its own epoch is committed (I10). */
#ifdef BUG_INHERITED_HW
#define HAS_HW(l) (node[l].hw > 0)
#else
#define HAS_HW(l) (node[l].hw > 0 && EPOCH_AT(node[l].log, node[l].hw - 1) == node[l].epoch)
#endif
#define NEWEST(l) (node[l].role == LEADER && (led >> (node[l].epoch + 1)) == 0)
#define HOLDS_COMMITTED(n, end_) (node[n].end >= (end_) && PREFIX(node[n].log, end_) == PREFIX(committed, end_))

/* A damaged disk had the entry, and its node knows that it may have had it. */
#define ON_DISK(n, end_) (node[n].damaged || (node[n].durable >= end_ && HOLDS_COMMITTED(n, end_)))
inline check_on_disk() {
  i = 1;
  do
  :: i <= committed_end ->
     holders = ON_DISK(0, i) + ON_DISK(1, i) + ON_DISK(2, i);
     CHECK(G5, holders >= 2);
     i++
  :: else -> break
  od
}

inline check_complete(n) {
  if
  :: NEWEST(n) ->
     CHECK(G4, HOLDS_COMMITTED(n, committed_end));
     CHECK(G6, !HAS_HW(n) || node[n].hw >= committed_end)
  :: else
  fi
}

/* What a leader counts. Its own entry in the sum is its durable end (I8); a follower's is what it acknowledged. */
#ifdef BUG_COUNT_UNSYNCED
#define OWN_COUNT(l) node[l].end
#else
#define OWN_COUNT(l) DURABLE(l)
#endif
#ifdef BUG_COUNT_SENT
#define COUNT(l, f) (IN_SESSION(f, l) -> node[l].end : MATCH(l, f))
#else
#define COUNT(l, f) MATCH(l, f)
#endif

/* The leader advances as soon as it can. Advancing later would show the observer less and demand less. */
inline advance_hw(l) {
  x = COUNT(l, (l + 1) % 3);
  y = COUNT(l, (l + 2) % 3);
  h = OWN_COUNT(l);
  h = MAX(MIN(x, y), MIN(MAX(x, y), h)); /* The middle one of three: held by a majority. */
  if
#ifdef BUG_COUNT_OLD_EPOCH
  :: h > node[l].hw ->
#else
  /* Entries of older epochs commit only together with one of the own epoch (Raft thesis 3.6.2). */
  :: h > node[l].hw && EPOCH_AT(node[l].log, h - 1) == node[l].epoch ->
#endif
     node[l].hw = h;
     CHECK(CP, PREFIX(node[l].log, MIN(h, committed_end)) == PREFIX(committed, MIN(h, committed_end)));
     SEEN(2, h > 1 && EPOCH_AT(node[l].log, 0) != EPOCH_AT(node[l].log, h - 1) && h == SLOTS);
     SEEN(3, !NEWEST(l) && (led >> (node[l].epoch + 1)) != 0 && h > 1); /* A stale leader commits. */
     if
     :: h > committed_end ->
        committed = PREFIX(node[l].log, h);
        committed_end = h
     :: else
     fi;
     check_on_disk()
  :: else
  fi;
  check_complete(0);
  check_complete(1);
  check_complete(2)
}

inline append(n, entry) {
  CHECK(I17, (entry & 7) >= LAST_EPOCH(n));
  node[n].log = node[n].log | ((entry) << (4 * node[n].end));
  node[n].end = node[n].end + 1;
}

/* A new entry at its leader: nobody may hold another one of the same offset and epoch. */
#define SAME_NAME(n, offset, entry) (node[n].end <= (offset) || EPOCH_AT(node[n].log, offset) != ((entry) & 7) || \
                                     ENTRY(node[n].log, offset) == (entry))
inline create(l) {
  x = node[l].epoch + 8 * node[l].again;
  CHECK(G2, SAME_NAME(0, node[l].end, x) && SAME_NAME(1, node[l].end, x) && SAME_NAME(2, node[l].end, x));
  append(l, x)
}

inline cut(n, at) {
  node[n].log = PREFIX(node[n].log, at);
  node[n].end = at;
  node[n].durable = MIN(node[n].durable, at);
#ifdef LATE_FSYNC
  node[n].known = MIN(node[n].known, at);
#endif
}

inline enter_epoch(n, new_epoch) {
  if
  :: node[n].epoch < new_epoch -> node[n].voted = 0
  :: else
  fi;
  node[n].epoch = new_epoch;
  node[n].role = UNATTACHED;
  node[n].again = 0;
  node[n].match = 0
}

/* Nodes have no rank: states that differ only by the names of the nodes are one state. Sorts the nodes, so that
 * the search sees one of the six. Ties are left, which costs states, never behaviours. */
#define KEY(n) ((node[n].log << 16) | (node[n].epoch << 13) | (node[n].role << 10) | (node[n].end << 7) | \
                (node[n].durable << 4) | (node[n].hw << 1) | node[n].voted)
#define SWAP_FIELD(a, b, field) x = node[a].field; node[a].field = node[b].field; node[b].field = x
inline swap_names(n, a, b) {
  x = MATCH(n, a);
  y = MATCH(n, b);
  SET_MATCH(n, a, y);
  SET_MATCH(n, b, x)
}
inline sort2(a, b) {
  if
  :: KEY(a) > KEY(b) ->
     SWAP_FIELD(a, b, log); SWAP_FIELD(a, b, epoch); SWAP_FIELD(a, b, role); SWAP_FIELD(a, b, end);
     SWAP_FIELD(a, b, durable); SWAP_FIELD(a, b, hw); SWAP_FIELD(a, b, voted);
     SWAP_FIELD(a, b, again); SWAP_FIELD(a, b, match); SWAP_FIELD(a, b, damaged);
#ifdef LATE_FSYNC
     SWAP_FIELD(a, b, known); SWAP_FIELD(a, b, syncing);
#endif
     swap_names(0, a, b); swap_names(1, a, b); swap_names(2, a, b)
  :: else
  fi
}
inline done() {
#ifndef NO_SYMMETRY
  sort2(0, 1); sort2(1, 2); sort2(0, 1)
#else
  skip
#endif
}

/* Vote: the candidate's last entry and end do not change while it is one, so a slow request grants what a fast
 * one would. Recorded durably before the answer. */
#ifdef BUG_NO_LOG_CHECK
#define UP_TO_DATE(c, n) true
#else
#define UP_TO_DATE(c, n) (LAST_EPOCH(c) > LAST_EPOCH(n) || (LAST_EPOCH(c) == LAST_EPOCH(n) && node[c].end >= node[n].end))
#endif
#ifdef BUG_DAMAGED_VOTES
#define MAY_VOTE(n) true
#else
#define MAY_VOTE(n) (!node[n].damaged) /* Nor stand for election. */
#endif
#define CAN_VOTE(n, c) (node[c].role == CANDIDATE && MAY_VOTE(n) && UP_TO_DATE(c, n) && (node[n].epoch < node[c].epoch || \
                        (node[n].epoch == node[c].epoch && !node[n].voted && node[n].role == UNATTACHED)))
inline vote(n, c) {
  enter_epoch(n, node[c].epoch);
#ifndef BUG_VOTE_NOT_RECORDED
  node[n].voted = 1;
#endif
  node[c].role = ELECTED
}

/* Opening a session: the follower's position against the leader's log; either it matches, or the follower cuts
 * one round. In one step, as neither side's log below the position changes while both keep epoch and stream. */
#ifdef BUG_OPEN_UNSYNCED
#define MAY_OPEN(n) true
#else
#define MAY_OPEN(n) (DURABLE(n) == node[n].end) /* S1 */
#endif
#define CAN_OPEN(n, l) (node[l].role == LEADER && node[l].epoch >= node[n].epoch && !IN_SESSION(n, l) && MAY_OPEN(n))
inline open(n, l) {
  enter_epoch(n, node[l].epoch);
  last_epoch = LAST_EPOCH(n);
  /* The leader's largest epoch that is not above the follower's last one, and where it ends. */
  found_epoch = 0;
  found_end = 0;
  i = 0;
  do
  :: i < node[l].end && EPOCH_AT(node[l].log, i) <= last_epoch ->
     found_epoch = EPOCH_AT(node[l].log, i);
     i++;
     found_end = i
  :: else -> break
  od;
  if
#ifdef BUG_UNKNOWN_EPOCH_MATCHES
  :: (found_epoch == last_epoch && node[n].end <= found_end) || found_epoch != last_epoch ->
#else
  :: found_epoch == last_epoch && node[n].end <= found_end ->
#endif
     node[n].role = FOLLOWER;
     CHECK(G3, node[n].end <= node[l].end && PREFIX(node[n].log, node[n].end) == PREFIX(node[l].log, node[n].end));
     SET_MATCH(l, n, DURABLE(n));
     advance_hw(l)
  :: else ->
#ifdef BUG_HW_BEFORE_TRUNCATION
     if
     :: HAS_HW(l) -> node[n].hw = MAX(node[n].hw, MIN(node[n].end, node[l].hw))
     :: else
     fi;
#endif
     /* The follower's own largest epoch that is not above the leader's answer, and where it ends. */
     to = 0;
     do
     :: to < node[n].end && EPOCH_AT(node[n].log, to) <= found_epoch -> to++
     :: else -> break
     od;
     if
     :: to > 0 && EPOCH_AT(node[n].log, to - 1) == found_epoch -> to = MIN(to, found_end)
     :: else
     fi;
#ifdef BUG_NO_TRUNCATION
     to = node[n].end;
#endif
     CHECK(CUTS, to < node[n].end);
     CHECK(I6, to >= node[n].hw);
     SEEN(1, node[n].hw > 0);
     cut(n, to);
     check_on_disk()
  fi
}

inline fetch(n, l) {
  append(n, ENTRY(node[l].log, node[n].end));
  CHECK(G3, PREFIX(node[n].log, node[n].end) == PREFIX(node[l].log, node[n].end));
}

#ifdef BUG_HW_UNBOUNDED
#define LEARNT(n, l) node[l].hw
#else
#define LEARNT(n, l) MIN(node[n].end, node[l].hw)
#endif
#define CAN_LEARN_HW(n, l) (IN_SESSION(n, l) && HAS_HW(l) && node[n].hw != LEARNT(n, l))
inline learn_hw(n, l) {
  CHECK(I10, LEARNT(n, l) >= node[n].hw);
  node[n].hw = LEARNT(n, l);
  CHECK(I5, node[n].hw <= node[n].end)
}

#ifdef BUG_ACK_BEFORE_FSYNC
#define ACK(n) node[n].end
#else
#define ACK(n) DURABLE(n)
#endif
#define CAN_ACK(n, l) (IN_SESSION(n, l) && MATCH(l, n) != ACK(n))
inline ack(n, l) {
  CHECK(I7, ACK(n) <= node[n].durable);
  SET_MATCH(l, n, ACK(n));
  advance_hw(l)
}

/* The leader's LeaderChange; from here on the epoch's end is answerable. */
inline start_leading(n) {
  CHECK(G1, ((led >> node[n].epoch) & 1) == 0);
  node[n].role = LEADER;
  node[n].again = (led >> node[n].epoch) & 1;
  led = led | (1 << node[n].epoch);
  node[n].match = 0;
  CHECK(I17, LAST_EPOCH(n) < node[n].epoch);
  SEEN(4, (led >> (node[n].epoch + 1)) != 0); /* It wins when a newer one has won before. */
  create(n);
  check_complete(n)
}

inline crash(n) {
  crashes++;
  SEEN(5, node[n].durable < node[n].end && node[n].hw == node[n].end && node[n].role == FOLLOWER);
  cut(n, node[n].durable);
  node[n].hw = 0;
  node[n].match = 0;
#ifdef LATE_FSYNC
  node[n].known = node[n].durable;
  node[n].syncing = 0;
#endif
#ifdef BUG_RESUME
  if
  :: node[n].role == LEADER ->
     node[n].again = 1;
     /* Its process is a new one: the old streams are gone. */
     if :: IN_SESSION((n + 1) % 3, n) -> node[(n + 1) % 3].role = UNATTACHED :: else fi;
     if :: IN_SESSION((n + 2) % 3, n) -> node[(n + 2) % 3].role = UNATTACHED :: else fi
  :: else -> node[n].role = UNATTACHED
  fi;
#else
  node[n].role = UNATTACHED; /* An ex-leader too: Resigned in that epoch (P12). */
  node[n].again = 0;
#endif
#ifdef BUG_VOTE_NOT_PERSISTED
  node[n].voted = 0;
#endif
#ifdef BUG_EPOCH_NOT_PERSISTED
  node[n].epoch = LAST_EPOCH(n);
  node[n].voted = 0;
#endif
}

/* Found on opening: synced entries are missing at the end. All else that a crash does, too. Once a disk is
 * damaged it may lose more. */
inline damage(n) {
  if
  :: !node[n].damaged -> damages++
  :: else
  fi;
  node[n].damaged = 1;
  node[n].durable = node[n].durable - 1;
  crashes--; /* This one is not counted as a crash. */
  crash(n)
#ifdef BUG_REPAIRED_AT_ONCE
  ;
  node[n].damaged = 0
#endif
}
/* Whatever it had acknowledged and was committed lies below the high watermark of a leader that it follows now. */
#ifdef BUG_REPAIRED_BY_ANY_FRAME
#define IS_REPAIRED(n, l) IN_SESSION(n, l)
#else
#define IS_REPAIRED(n, l) (IN_SESSION(n, l) && HAS_HW(l) && node[n].durable >= node[l].hw)
#endif

#define P ((_pid + 1) % 3)
#define Q ((_pid + 2) % 3)

active [3] proctype Replica() {
  do
  /* A timer fires: the epoch's voter, follower, loser or leader that lost contact stands for the next epoch.
   * An epoch that is only heard of needs no step: whoever has not heard of it can do more, not less. */
  :: d_step { node[_pid].epoch < EPOCHS && MAY_VOTE(_pid) ->
       enter_epoch(_pid, node[_pid].epoch + 1); node[_pid].voted = 1; node[_pid].role = CANDIDATE; done() }
  :: d_step { CAN_VOTE(_pid, P) -> vote(_pid, P); done() }
  :: d_step { CAN_VOTE(_pid, Q) -> vote(_pid, Q); done() }
  :: d_step { node[_pid].role == ELECTED && node[_pid].end < SLOTS -> start_leading(_pid); done() }
  :: d_step { node[_pid].role == LEADER && node[_pid].end < SLOTS -> create(_pid); done() }
  :: d_step { CAN_OPEN(_pid, P) -> open(_pid, P); done() }
  :: d_step { CAN_OPEN(_pid, Q) -> open(_pid, Q); done() }
  :: d_step { IN_SESSION(_pid, P) && node[_pid].end < node[P].end -> fetch(_pid, P); done() }
  :: d_step { IN_SESSION(_pid, Q) && node[_pid].end < node[Q].end -> fetch(_pid, Q); done() }
  :: d_step { CAN_ACK(_pid, P) -> ack(_pid, P); done() }
  :: d_step { CAN_ACK(_pid, Q) -> ack(_pid, Q); done() }
  :: d_step { CAN_LEARN_HW(_pid, P) -> learn_hw(_pid, P); done() }
  :: d_step { CAN_LEARN_HW(_pid, Q) -> learn_hw(_pid, Q); done() }
  /* The disk catches up by one entry; a crash in between leaves a part of what was written. */
#ifdef LATE_FSYNC
  :: d_step { node[_pid].syncing == 0 && node[_pid].known < node[_pid].end ->
       node[_pid].durable = node[_pid].end; node[_pid].syncing = node[_pid].end; done() }
  :: d_step { node[_pid].syncing > 0 ->
       node[_pid].known = MAX(node[_pid].known, MIN(node[_pid].syncing, node[_pid].end)); node[_pid].syncing = 0;
       if :: node[_pid].role == LEADER -> advance_hw(_pid) :: else fi; done() }
#else
  :: d_step { node[_pid].durable < node[_pid].end ->
       node[_pid].durable = node[_pid].durable + 1;
       if :: node[_pid].role == LEADER -> advance_hw(_pid) :: else fi; done() }
#endif
  :: d_step { crashes < CRASHES -> crash(_pid); done() }
#if DAMAGES > 0
  :: d_step { node[_pid].durable > 0 && (node[_pid].damaged || damages < DAMAGES) -> damage(_pid); done() }
  :: d_step { node[_pid].damaged && IS_REPAIRED(_pid, P) -> SEEN(6, crashes == CRASHES && committed_end == SLOTS);
       node[_pid].damaged = 0; done() }
  :: d_step { node[_pid].damaged && IS_REPAIRED(_pid, Q) -> node[_pid].damaged = 0; done() }
#endif
  od
}
