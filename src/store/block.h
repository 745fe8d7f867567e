/* block: events in a row, one after the other, and what they are found by. For a backend that keeps them so. */
#ifndef AMBIT_STORE_BLOCK_H
#define AMBIT_STORE_BLOCK_H

#include "store/store_priv.h"

enum { BLOCK_EVENTS = 512, BLOCK_BYTES = 128 * 1024, BLOCK_EVENT_KEYS = 3, BLOCK_KEYS = BLOCK_EVENTS * BLOCK_EVENT_KEYS, BLOCK_SLOTS = 4096 };

enum block_kind { BLOCK_NONE, BLOCK_TASK, BLOCK_AGENT, BLOCK_TYPE };

struct block_key {
	enum block_kind kind;
	uint64_t id;
};

/* A block being made. */
struct block {
	uint64_t first;                     /* seq of its first event */
	size_t n;                           /* events */
	struct buf bytes;                   /* (u32 length, event bytes)* */
	struct block_key keys[BLOCK_KEYS];  /* each once */
	size_t key_n;
	uint16_t slots[BLOCK_SLOTS];        /* place in keys, plus one: open addressing */
};

void block_init(struct block *b);
void block_fini(struct block *b);
/* Empty again; keeps the memory. */
void block_reset(struct block *b);
/* True when an event of `bytes` must go into the next one. */
bool block_full(const struct block *b, size_t bytes);
/* Copies the event. E_NO_MEMORY, E_LIMIT (not when block_full() said no). */
status block_add(struct block *b, const struct store_event *e);

/* What an event is filed under; returns how many. */
size_t block_keys(const struct store_event *e, struct block_key ret[static BLOCK_EVENT_KEYS]);
/* What a filter's first of task, agent and type is filed under; BLOCK_NONE when it has none. */
struct block_key block_key_of(const struct store_filter *f);

/* The events of a stored block, in order (backwards with newest_first), from seq `from` on, that match what block_key_of()
 * says of the filter. Their seq is their place; one whose bytes do not decode has only that. False: fn has had enough. */
bool block_scan(uint64_t first, span bytes, uint64_t from, const struct store_filter *f, store_scan_fn *fn, void *arg);

#endif
