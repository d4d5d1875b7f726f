/* Changing the set of voters one node at a time, among four nodes of which three or four vote at the start.
 *
 * Each node uses the last voter set of its own log, committed or not. A write is durable at once here, and one
 * step of following finds the common prefix, cuts and takes one entry: pull.pml has these in detail.
 *
 * Bounds: EPOCHS, SLOTS (log capacity, at most 3).
 * -DNO_SYMMETRY keeps the nodes in place, for reading trails.
 * -DBUG_... breaks one rule, -DONLY=... checks one property, -DWITNESS=n asks whether a situation is reached.
 */
#ifndef EPOCHS
#define EPOCHS 3
#endif
#ifndef SLOTS
#define SLOTS 3
#endif
#define NODES 4

#define G1 1 /* One leader an epoch. */
#define G4 2 /* A newer leader holds whatever was committed before. */
#define CP 3 /* The committed prefix is immutable. */
#define G5 4 /* What a leader commits is held by a majority of its voter set. */

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

/* An entry is eight bits: the epoch in three, a new voter set in four; a set of none means an ordinary entry. */
#define PREFIX(log, end) ((log) & ((1 << (8 * (end))) - 1))
#define EPOCH_AT(log, offset) (((log) >> (8 * (offset))) & 7)
#define VOTERS_AT(log, offset) (((log) >> (8 * (offset) + 3)) & 15)
#define HAS(set, n) (((set) >> (n)) & 1)
#define SIZE(set) (HAS(set, 0) + HAS(set, 1) + HAS(set, 2) + HAS(set, 3))
#define MAJORITY(part, set) (2 * SIZE((part) & (set)) > SIZE(set))

#define UNATTACHED 0
#define CANDIDATE 1
#define LEADER 2

typedef Node {
  unsigned epoch : 3;
  unsigned voted : 1;
  unsigned role : 2;
  unsigned end : 2;
  unsigned hw : 2;
  unsigned granted : 4; /* As a candidate: who voted for it. */
  unsigned match : 8;   /* As a leader: acknowledged end of each node, two bits each. */
  unsigned voters : 4;  /* In use. */
  int log;
};
Node node[NODES];
unsigned first_voters : 4;
#ifdef BUG_LOST_DISK
bool lost;
#endif

unsigned led : 8;
unsigned committed_end : 2;
int committed;

hidden byte i, common;
hidden int h, holders, x;

#define LAST_EPOCH(n) (node[n].end == 0 -> 0 : EPOCH_AT(node[n].log, node[n].end - 1))
#define MATCH(l, f) ((node[l].match >> (2 * (f))) & 3)
#define NEWEST(l) (node[l].role == LEADER && (led >> (node[l].epoch + 1)) == 0)
#define HOLDS_COMMITTED(n) (node[n].end >= committed_end && PREFIX(node[n].log, committed_end) == PREFIX(committed, committed_end))

/* End of the last voter change in the log; 0: none. An epoch begins with an ordinary entry, so offset 0 has none. */
#define NEWEST_CHANGE_END(l) (node[l].end > 2 && VOTERS_AT(node[l].log, 2) != 0 -> 3 : \
                              (node[l].end > 1 && VOTERS_AT(node[l].log, 1) != 0 -> 2 : 0))

/* I15: the last voter set in the log, committed or not. */
inline use_voters(n) {
  node[n].voters = first_voters;
  i = 0;
  do
  :: i < node[n].end ->
     if
     :: VOTERS_AT(node[n].log, i) != 0 -> node[n].voters = VOTERS_AT(node[n].log, i)
     :: else
     fi;
     i++
  :: else -> break
  od
}

inline append(n, entry) {
  node[n].log = node[n].log | ((entry) << (8 * node[n].end));
  node[n].end = node[n].end + 1;
#ifdef BUG_VOTERS_NOT_REVERTED
  if
  :: ((entry) >> 3) != 0 -> node[n].voters = (entry) >> 3
  :: else
  fi
#else
  use_voters(n)
#endif
}

inline enter_epoch(n, new_epoch) {
  if
  :: node[n].epoch < new_epoch -> node[n].voted = 0
  :: else
  fi;
  node[n].epoch = new_epoch;
  node[n].role = UNATTACHED;
  node[n].granted = 0;
  node[n].match = 0
}

inline check_complete(n) {
  CHECK(G4, !NEWEST(n) || HOLDS_COMMITTED(n))
}

/* A leader outside of its voter set does not count itself, and resigns when its removal is committed. */
#ifdef BUG_REMOVED_COUNTS
#define VOTERS_THAT_COUNT(l) (node[l].voters | (1 << (l)))
#else
#define VOTERS_THAT_COUNT(l) node[l].voters
#endif
#define HOLDS(l, f) (((f) == (l) -> node[l].end : MATCH(l, f)) >= h)
inline holders_of(l) {
  holders = HOLDS(l, 0) | (HOLDS(l, 1) << 1) | (HOLDS(l, 2) << 2) | (HOLDS(l, 3) << 3)
}
inline advance_hw(l) {
  h = node[l].end;
  holders_of(l);
  do
  :: h > node[l].hw && !MAJORITY(holders, VOTERS_THAT_COUNT(l)) -> h--; holders_of(l)
  :: else -> break
  od;
  if
  :: h > node[l].hw && EPOCH_AT(node[l].log, h - 1) == node[l].epoch ->
     node[l].hw = h;
     CHECK(G5, MAJORITY(holders, node[l].voters));
     CHECK(CP, PREFIX(node[l].log, (h < committed_end -> h : committed_end)) ==
               PREFIX(committed, (h < committed_end -> h : committed_end)));
     if
     :: h > committed_end -> committed_end = h; committed = PREFIX(node[l].log, h)
     :: else
     fi;
     SEEN(1, h == node[l].end && VOTERS_AT(node[l].log, h - 1) != 0);
     SEEN(2, h == node[l].end && !HAS(node[l].voters, l));
     if
     :: h >= NEWEST_CHANGE_END(l) && !HAS(node[l].voters, l) -> enter_epoch(l, node[l].epoch)
     :: else
     fi
  :: else
  fi;
  check_complete(0);
  check_complete(1);
  check_complete(2);
  check_complete(3)
}

#define UP_TO_DATE(c, n) (LAST_EPOCH(c) > LAST_EPOCH(n) || (LAST_EPOCH(c) == LAST_EPOCH(n) && node[c].end >= node[n].end))
/* Any replica answers, also one that does not know that it votes: it may lag behind a change. */
#define CAN_VOTE(n, c) (node[c].role == CANDIDATE && UP_TO_DATE(c, n) && \
                        (node[n].epoch < node[c].epoch || (node[n].epoch == node[c].epoch && !node[n].voted)))
inline vote(n, c) {
  enter_epoch(n, node[c].epoch);
  node[n].voted = 1;
  node[c].granted = node[c].granted | (1 << (n))
}

/* I14: an observer never stands. A voter that an entry of its log removes may, as the entry need not be committed
 * and it may hold the only complete log; but it never counts itself. Here it may also when the entry is committed. */
#define MAY_STAND(n) (HAS(node[n].voters, n) || (NEWEST_CHANGE_END(n) > 0 && HAS(VOTERS_BEFORE(n), n)))
#define VOTERS_BEFORE(n) (NEWEST_CHANGE_END(n) == 3 && VOTERS_AT(node[n].log, 1) != 0 -> VOTERS_AT(node[n].log, 1) : first_voters)
#define CAN_LEAD(n) (node[n].role == CANDIDATE && MAJORITY(node[n].granted, node[n].voters) && node[n].end < SLOTS)
inline lead(n) {
  CHECK(G1, !HAS(led, node[n].epoch));
  led = led | (1 << node[n].epoch);
  node[n].role = LEADER;
  node[n].granted = 0;
  node[n].hw = 0;
  append(n, node[n].epoch);
  SEEN(5, !HAS(node[n].voters, n)); /* One that is being removed leads. */
  SEEN(3, node[n].voters != first_voters && node[n].epoch == EPOCHS);
  check_complete(n);
  advance_hw(n)
}

/* AddVoter or RemoveVoter of node k. */
#ifdef BUG_CHANGE_BEFORE_OWN_COMMIT
#define OWN_COMMITTED(l) true
#else
#define OWN_COMMITTED(l) (node[l].hw > 0)
#endif
#ifdef BUG_TWO_CHANGES
#define NONE_PENDING(l) true
#else
#define NONE_PENDING(l) (NEWEST_CHANGE_END(l) <= node[l].hw)
#endif
#define CHANGED(l, k) (node[l].voters ^ (1 << (k)))
#define CAN_CHANGE(l, k) (node[l].role == LEADER && node[l].end < SLOTS && OWN_COMMITTED(l) && NONE_PENDING(l) && \
                          SIZE(CHANGED(l, k)) > 1)
inline change(l, set) {
  append(l, node[l].epoch + 8 * (set));
  advance_hw(l)
}

/* One entry more of the leader's log, after a cut to the common prefix if need be; acknowledged at once. */
#define CAN_FOLLOW(n, l) (node[l].role == LEADER && (node[n].epoch < node[l].epoch || \
                          (node[n].epoch == node[l].epoch && MATCH(l, n) < node[l].end)))
inline follow(n, l) {
  enter_epoch(n, node[l].epoch);
  common = 0;
  do
  :: common < node[n].end && common < node[l].end && PREFIX(node[n].log, common + 1) == PREFIX(node[l].log, common + 1) ->
     common++
  :: else -> break
  od;
  SEEN(4, common < node[n].end && VOTERS_AT(node[n].log, node[n].end - 1) != 0);
  if
  :: common < node[n].end ->
     node[n].log = PREFIX(node[n].log, common);
     node[n].end = common;
#ifndef BUG_VOTERS_NOT_REVERTED
     use_voters(n)
#endif
  :: else
  fi;
  if
  :: common < node[l].end -> append(n, (node[l].log >> (8 * common)) & 127)
  :: else
  fi;
  node[l].match = (node[l].match & ~(3 << (2 * (n)))) | (node[n].end << (2 * (n)));
  advance_hw(l)
}

/* A disk that was replaced makes its node a stranger, which is as good as dead until it is added again. The bug:
 * it comes back under its old name. */
#ifdef BUG_LOST_DISK
inline lose_disk(n) {
  lost = true;
  node[n].epoch = 0;
  node[n].voted = 0;
  node[n].role = UNATTACHED;
  node[n].granted = 0;
  node[n].match = 0;
  node[n].end = 0;
  node[n].hw = 0;
  node[n].log = 0;
  use_voters(n)
}
#endif

/* Nodes have no rank: states that differ only by the names of the nodes are one state. Sorts the nodes by what does
 * not depend on names; ties cost states, never behaviours. */
#define KEY(n) ((node[n].epoch << 23) | (node[n].role << 21) | (node[n].voted << 20) | (node[n].end << 18) | \
                (node[n].hw << 16) | (HAS(first_voters, n) << 15) | (SIZE(node[n].granted) << 12) | \
                (SIZE(node[n].voters) << 9) | (EPOCH_AT(node[n].log, 0) << 6) | (EPOCH_AT(node[n].log, 1) << 3) | \
                EPOCH_AT(node[n].log, 2))
#define SWAP_FIELD(a, b, field) x = node[a].field; node[a].field = node[b].field; node[b].field = x
#define SWAP_BITS(set, a, b) x = (((set) >> (a)) ^ ((set) >> (b))) & 1; set = (set) ^ (x << (a)) ^ (x << (b))
#define SWAP_MATCH(set, a, b) x = (((set) >> (2 * a)) ^ ((set) >> (2 * b))) & 3; set = (set) ^ (x << (2 * a)) ^ (x << (2 * b))
/* In the voter sets of all three entries at once. */
#define SWAP_LOG(log, a, b) x = (((log) >> (3 + a)) ^ ((log) >> (3 + b))) & 65793; \
                            log = (log) ^ (x << (3 + a)) ^ (x << (3 + b))
inline swap_names(n, a, b) {
  SWAP_BITS(node[n].granted, a, b);
  SWAP_BITS(node[n].voters, a, b);
  SWAP_MATCH(node[n].match, a, b);
  SWAP_LOG(node[n].log, a, b)
}
inline sort2(a, b) {
  if
  :: KEY(a) > KEY(b) ->
     SWAP_FIELD(a, b, epoch); SWAP_FIELD(a, b, voted); SWAP_FIELD(a, b, role); SWAP_FIELD(a, b, end);
     SWAP_FIELD(a, b, hw); SWAP_FIELD(a, b, granted); SWAP_FIELD(a, b, match); SWAP_FIELD(a, b, voters);
     SWAP_FIELD(a, b, log);
     swap_names(0, a, b); swap_names(1, a, b); swap_names(2, a, b); swap_names(3, a, b);
     SWAP_BITS(first_voters, a, b);
     SWAP_LOG(committed, a, b)
  :: else
  fi
}
inline done() {
#ifndef NO_SYMMETRY
  sort2(0, 1); sort2(2, 3); sort2(0, 2); sort2(1, 3); sort2(1, 2)
#else
  skip
#endif
}

#define P ((me + 1) % NODES)
#define Q ((me + 2) % NODES)
#define R ((me + 3) % NODES)

proctype Replica(byte me) {
  do
  :: d_step { node[me].epoch < EPOCHS && MAY_STAND(me) ->
       enter_epoch(me, node[me].epoch + 1); node[me].voted = 1; node[me].role = CANDIDATE;
       node[me].granted = 1 << me; done() }
  :: d_step { CAN_VOTE(me, P) -> vote(me, P); done() }
  :: d_step { CAN_VOTE(me, Q) -> vote(me, Q); done() }
  :: d_step { CAN_VOTE(me, R) -> vote(me, R); done() }
  :: d_step { CAN_LEAD(me) -> lead(me); done() }
  :: d_step { CAN_CHANGE(me, me) -> change(me, CHANGED(me, me)); done() }
  :: d_step { CAN_CHANGE(me, P) -> change(me, CHANGED(me, P)); done() }
  :: d_step { CAN_CHANGE(me, Q) -> change(me, CHANGED(me, Q)); done() }
  :: d_step { CAN_CHANGE(me, R) -> change(me, CHANGED(me, R)); done() }
  :: d_step { CAN_FOLLOW(me, P) -> follow(me, P); done() }
  :: d_step { CAN_FOLLOW(me, Q) -> follow(me, Q); done() }
  :: d_step { CAN_FOLLOW(me, R) -> follow(me, R); done() }
#ifdef BUG_LOST_DISK
  :: d_step { !lost && node[me].epoch > 0 -> lose_disk(me); done() }
#endif
  od
}

init {
  atomic {
    if
    :: first_voters = 15
    :: first_voters = 7
    fi;
    d_step { use_voters(0); use_voters(1); use_voters(2); use_voters(3) };
    run Replica(0); run Replica(1); run Replica(2); run Replica(3)
  }
}
