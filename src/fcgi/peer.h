/*
 * What peers.c, which has all connections of a loop, and peer.c, which has
 * what happens on one, ask of each other.
 */
#ifndef KRI_FCGI_PEER_H
#define KRI_FCGI_PEER_H

#include "fcgi/peers.h"

/* Sees what has come, and does what is to be done about it. The peer may be
 * gone afterwards. */
void kri_peer_look(struct kri_peer *peer);

/* Sends the exchange's answer; a struct kri_stages' `send`. */
void kri_peer_answer(void *peers, struct kr_context *c, struct kri_text answer);

/* No more is taken from it; what it had sent is still there to be read. */
void kri_peer_stop_sender(struct kri_peer *peer);

/* Hands an idle one over, open. */
void kri_peer_give_away(struct kri_peer *peer);

/* Hands an idle one to another process, if that is the order of the day, and
 * closes our copy. False if not: there it is still. */
bool kri_peer_hand_over(struct kri_peer *peer);

void kri_peer_close(struct kri_peer *peer);

/* Looks at the clock from now on, as long as one is in a state that ends. */
void kri_peers_tick(struct kri_peers *peers);

#endif
