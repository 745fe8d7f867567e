/* list: circular doubly linked list, embedded. A node is in at most one list; an unlinked node points to itself. */
#ifndef AMBIT_BASE_LIST_H
#define AMBIT_BASE_LIST_H

#include "base/status.h"

struct list {
	struct list *prev, *next;
};

static inline void
list_init(struct list *l)
{
	l->prev = l->next = l;
}

static inline bool
list_empty(const struct list *l)
{
	return l->next == l;
}

/* Adds n before `at`: at the tail when `at` is the head. */
static inline void
list_add_tail(struct list *at, struct list *n)
{
	n->prev = at->prev;
	n->next = at;
	at->prev->next = n;
	at->prev = n;
}

static inline void
list_add_head(struct list *at, struct list *n)
{
	list_add_tail(at->next, n);
}

/* Unlinks; safe on an unlinked (initialised) node. */
static inline void
list_del(struct list *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	list_init(n);
}

#define list_for(it, head) \
	for (struct list *it = (head)->next; it != (head); it = it->next)
/* The current node may be deleted in the body. */
#define list_for_safe(it, head)                                               \
	for (struct list *it = (head)->next, *it##_next_ = it->next; it != (head); \
	     it = it##_next_, it##_next_ = it->next)

#endif
