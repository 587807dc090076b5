#include "lot.h"

#include "branch.h"

static void swap(struct lot *a, struct lot *b)
{
    struct lot c = *a;
    *a = *b;
    *b = c;
}

void lot_order(struct lot *lots, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int64_t total = 0;
        for (size_t j = i; j < n; j++) {
            if (lots[j].rank < lots[i].rank)
                swap(&lots[i], &lots[j]);
        }
        for (size_t j = i; j < n; j++)
            total += lots[j].rank == lots[i].rank ? lots[j].weight : 0;
        int64_t draw = (int64_t)(branch_new_id() % (uint64_t)total);
        for (size_t j = i; j < n; j++) {
            if (lots[j].rank != lots[i].rank)
                continue;
            draw -= lots[j].weight;
            if (draw < 0) {
                swap(&lots[i], &lots[j]);
                break;
            }
        }
    }
}
