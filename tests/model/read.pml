/* Linearizable reads: the leader notes its high watermark when the read arrives, confirms that it still leads by a
 * majority contact that began after that, and answers.
 * Without a high watermark in its epoch it waits for one. One read at a time, at any leader, also at one that was
 * replaced without knowing it.
 *
 * Writes are durable at once and following takes one entry a step, as in membership.pml. A contact is a follower's
 * answer to a probe; it says in which epoch the follower is when it answers.
 *
 * Bounds: EPOCHS, SLOTS (log capacity, at most 4).
 * -DBUG_... breaks one rule, -DWITNESS=n asks whether a situation is reached.
 */
#ifndef EPOCHS
#define EPOCHS 3
#endif
#ifndef SLOTS
#define SLOTS 3
#endif

#define LR 1 /* A read sees everything that was acknowledged to any client before the read began. */
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

#define UNATTACHED 0
#define CANDIDATE 1
#define ELECTED 2 /* Has its majority and does not know yet. */
#define LEADER 3

typedef Node {
  unsigned epoch : 3;
  unsigned voted : 1;
  unsigned role : 2;
  unsigned end : 3;
  unsigned hw : 3;
  unsigned match : 9; /* As a leader: acknowledged end of each node, three bits each. */
  unsigned log : 16;
};
Node node[3];
unsigned acknowledged : 3; /* To clients: the highest high watermark of any leader. */

/* The read, if there is one. */
bool reading, confirmed;
unsigned reader : 2;
unsigned answer : 3;
bool known;         /* The answer; else the leader had no high watermark yet, and the read waits for it. */
unsigned least : 3; /* What had been acknowledged when the read began. */

hidden byte common;

#define LAST_EPOCH(n) (node[n].end == 0 -> 0 : EPOCH_AT(node[n].log, node[n].end - 1))
#define MATCH(l, f) ((node[l].match >> (3 * (f))) & 7)
#define MAX(a, b) ((a) < (b) -> (b) : (a))
#define IS_READER(n) (reading && reader == (n))

inline forget_read() {
  reading = false; confirmed = false; reader = 0; answer = 0; known = false; least = 0
}

inline enter_epoch(n, new_epoch) {
  if
  :: node[n].epoch < new_epoch -> node[n].voted = 0
  :: else
  fi;
  node[n].epoch = new_epoch;
  node[n].role = UNATTACHED;
  node[n].match = 0;
  if
  :: IS_READER(n) -> forget_read() /* Refused: it does not lead any more, and knows. */
  :: else
  fi
}

/* The leader is one of the majority: the better of the other two is what two nodes hold. */
inline advance_hw(l) {
  common = MAX(MATCH(l, (l + 1) % 3), MATCH(l, (l + 2) % 3));
  if
  :: common > node[l].hw && EPOCH_AT(node[l].log, common - 1) == node[l].epoch ->
     node[l].hw = common;
     acknowledged = MAX(acknowledged, common)
  :: else
  fi
}

inline append(n, entry_epoch) {
  node[n].log = node[n].log | ((entry_epoch) << (4 * node[n].end));
  node[n].end = node[n].end + 1
}

#define UP_TO_DATE(c, n) (LAST_EPOCH(c) > LAST_EPOCH(n) || (LAST_EPOCH(c) == LAST_EPOCH(n) && node[c].end >= node[n].end))
#define CAN_VOTE(n, c) (node[c].role == CANDIDATE && UP_TO_DATE(c, n) && \
                        (node[n].epoch < node[c].epoch || (node[n].epoch == node[c].epoch && !node[n].voted)))
inline vote(n, c) {
  enter_epoch(n, node[c].epoch);
  node[n].voted = 1;
  node[c].role = ELECTED
}

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
  node[n].log = PREFIX(node[n].log, common);
  node[n].end = common;
  if
  :: common < node[l].end -> append(n, EPOCH_AT(node[l].log, common))
  :: else
  fi;
  /* The entry carries the high watermark. */
  if
  :: node[l].hw > 0 && EPOCH_AT(node[l].log, node[l].hw - 1) == node[l].epoch ->
     common = (node[l].hw < node[n].end -> node[l].hw : node[n].end);
     node[n].hw = MAX(node[n].hw, common)
  :: else
  fi;
  node[l].match = (node[l].match & ~(7 << (3 * (n)))) | (node[n].end << (3 * (n)));
  advance_hw(l)
}

#ifdef BUG_INHERITED_HW
#define HAS_HW(l) true
#else
#define HAS_HW(l) (node[l].hw > 0 && EPOCH_AT(node[l].log, node[l].hw - 1) == node[l].epoch)
#endif
inline read_arrives(l) {
  reading = true;
  reader = l;
  known = HAS_HW(l);
  answer = (known -> node[l].hw : 0);
  least = acknowledged;
#ifdef BUG_OLD_CONTACT
  /* A contact of some time ago, as a lease or check-quorum would count it. */
  confirmed = node[l].match != 0;
#endif
#ifdef BUG_NO_CONTACT
  confirmed = true;
#endif
}

#ifdef BUG_CONTACT_OF_ANY_EPOCH
#define SAYS_YES(n, l) true
#else
#define SAYS_YES(n, l) (node[n].epoch == node[l].epoch)
#endif
#define CAN_CONFIRM(n, l) (IS_READER(l) && !confirmed && SAYS_YES(n, l))

inline read_ends(l) {
  answer = (known -> answer : node[l].hw);
  SEEN(3, !known);
  CHECK(LR, answer >= least);
  SEEN(1, node[l].epoch == EPOCHS && answer == SLOTS);
  SEEN(2, least < acknowledged);
  forget_read()
}

#define P ((_pid + 1) % 3)
#define Q ((_pid + 2) % 3)

active [3] proctype Replica() {
  do
  :: d_step { node[_pid].epoch < EPOCHS ->
       enter_epoch(_pid, node[_pid].epoch + 1); node[_pid].voted = 1; node[_pid].role = CANDIDATE }
  :: d_step { CAN_VOTE(_pid, P) -> vote(_pid, P) }
  :: d_step { CAN_VOTE(_pid, Q) -> vote(_pid, Q) }
  :: d_step { node[_pid].role == ELECTED && node[_pid].end < SLOTS ->
       node[_pid].role = LEADER; append(_pid, node[_pid].epoch) }
  :: d_step { node[_pid].role == LEADER && node[_pid].end < SLOTS -> append(_pid, node[_pid].epoch) }
  :: d_step { CAN_FOLLOW(_pid, P) -> follow(_pid, P) }
  :: d_step { CAN_FOLLOW(_pid, Q) -> follow(_pid, Q) }
  :: d_step { node[_pid].role == LEADER && !reading -> read_arrives(_pid) }
  :: d_step { CAN_CONFIRM(_pid, P) -> confirmed = true }
  :: d_step { CAN_CONFIRM(_pid, Q) -> confirmed = true }
  :: d_step { IS_READER(_pid) && confirmed && HAS_HW(_pid) -> read_ends(_pid) }
  od
}
