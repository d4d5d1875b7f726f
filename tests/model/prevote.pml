/* Pre-vote with long-lived fetch streams: when may a follower grant one?
 *
 * The rule: a follower grants a pre-vote at once when it has no open fetch stream to its leader, and refuses while
 * it has one. It must not be slower (two followers of a dead leader would bounce each other for ever) and not be
 * faster (one node with a broken link would unseat a leader that serves everybody else).
 *
 * One leader that may die, and two followers with equal logs. The model ends where a pre-vote round is won: the
 * election that follows is in pull.pml. Time is abstract: a fetch timeout may expire whenever the own stream is
 * not open; streams to a living leader break and are opened again at will.
 *
 * -DBUG_... breaks one rule. Without -DLIVENESS the stability property is checked, with it the LTL one.
 */
#define STABLE 1 /* A round is won only if the leader was dead, or had no stream of any follower during the round. */
#define L1 2     /* A dead leader is replaced, and nobody stays Prospective for ever. */
#define CHECK(property, holds) assert(holds)

#define FOLLOWER 0
#define PROSPECTIVE 1

bool dead;      /* The leader. */
bool won;       /* Somebody became a candidate. */
bool open[2];   /* Streams of the followers to the leader, on which they have heard it. */
byte role[2];
bool granted[2];
bool yielded[2];   /* Leaves this round to the other. */
bool was_alone[2]; /* During this follower's round, no stream to the leader was open. */

#define ME (_pid - 1)
#define OTHER (2 - _pid)

/* The other follower's answer, as of the moment when it gives it. */
#ifdef BUG_FOLLOWER_NEVER_GRANTS
#define GRANTS(n) (role[n] == PROSPECTIVE)
#else
#ifdef BUG_GRANTS_WITH_STREAM
#define GRANTS(n) true
#else
#define GRANTS(n) (role[n] == PROSPECTIVE || !open[n])
#endif
#endif

/* Two that stand at once would split the votes that follow: the second leaves its round to the first. */
#ifdef BUG_BOTH_YIELD
#define YIELDS(n) true
#else
#define YIELDS(n) (n == 1)
#endif
inline win() {
  CHECK(STABLE, dead || was_alone[ME]);
  won = true
}

active proctype Network() {
  do
  :: atomic { !won && !dead -> dead = true }
  /* A stream to a dead leader breaks in the end; one to a living leader may. */
  :: atomic { !won && dead && open[0] -> open[0] = false; was_alone[1] = was_alone[1] || role[1] == PROSPECTIVE }
  :: atomic { !won && dead && open[1] -> open[1] = false; was_alone[0] = was_alone[0] || role[0] == PROSPECTIVE }
  :: won -> break
  od
}

active [2] proctype Node() {
  do
  :: atomic { !won && !dead && role[ME] == FOLLOWER && !open[ME] -> open[ME] = true }
  :: atomic { !won && !dead && open[ME] ->
       open[ME] = false; was_alone[OTHER] = was_alone[OTHER] || role[OTHER] == PROSPECTIVE }
  :: atomic { !won && role[ME] == FOLLOWER && !open[ME] -> /* Fetch timeout. */
       role[ME] = PROSPECTIVE;
       was_alone[ME] = !open[OTHER];
#ifdef BUG_NO_PREVOTE
       granted[ME] = true
#endif
     }
  :: atomic { !won && role[ME] == PROSPECTIVE && !granted[ME] && GRANTS(OTHER) ->
       granted[ME] = true;
       yielded[OTHER] = yielded[OTHER] || (role[OTHER] == PROSPECTIVE && YIELDS(OTHER)) }
#ifdef BUG_LEADER_GRANTS
  :: atomic { !won && !dead && role[ME] == PROSPECTIVE && !granted[ME] -> granted[ME] = true }
#endif
  :: atomic { !won && role[ME] == PROSPECTIVE && granted[ME] && !yielded[ME] -> win() }
  /* Refused, or nobody answered in time: a follower of the leader it knew, same epoch, the grant is forgotten. */
  :: atomic { !won && role[ME] == PROSPECTIVE && (!GRANTS(OTHER) || !dead || yielded[ME]) ->
       role[ME] = FOLLOWER;
       yielded[ME] = false;
#ifndef BUG_GRANT_KEPT
       granted[ME] = false
#endif
     }
  :: won -> break
  od
}

#ifdef LIVENESS
ltl replaced { (<> dead) -> (<> won) }
#endif
