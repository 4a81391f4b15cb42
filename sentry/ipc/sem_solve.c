/* SPDX-License-Identifier: Apache-2.0 */
#include "sentry/ipc/sem_solve.h"

#include "base/macro.h"

static enum sem_answer step(struct sem *s, const struct sembuf *op, int16_t *adjust)
{
    int value = s->value + op->sem_op;
    bool undo = op->sem_flg & SEM_UNDO;

    if ((op->sem_op == 0 && s->value != 0) || value < 0)
        return op->sem_flg & IPC_NOWAIT ? SEM_AGAIN : SEM_WAIT;
    if (value > SEMVMX)
        return SEM_RANGE;
    if (undo) {
        int back = adjust[op->sem_num] - op->sem_op;
        if (back < -SEMAEM - 1 || back > SEMAEM)
            return SEM_RANGE;
        adjust[op->sem_num] = (int16_t)back;
    }
    s->value = value;
    return SEM_DONE;
}

static void step_back(struct sem *s, const struct sembuf *op, int16_t *adjust)
{
    s->value -= op->sem_op;
    if (op->sem_flg & SEM_UNDO)
        adjust[op->sem_num] = (int16_t)(adjust[op->sem_num] + op->sem_op);
}

enum sem_answer sem_solve(struct sem *sems, const struct sem_request *r, unsigned *blocking)
{
    enum sem_answer answer = SEM_DONE;
    unsigned n = 0;

    for (; n < r->count && answer == SEM_DONE; n++)
        answer = step(&sems[r->ops[n].sem_num], &r->ops[n], r->adjust);
    if (answer == SEM_DONE)
        return answer;
    *blocking = --n;
    while (n-- > 0)
        step_back(&sems[r->ops[n].sem_num], &r->ops[n], r->adjust);
    return answer;
}

bool sem_request_alters(const struct sem_request *r)
{
    for (unsigned i = 0; i < r->count; i++)
        if (r->ops[i].sem_op)
            return true;
    return false;
}

bool sem_request_undoes(const struct sembuf *ops, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (ops[i].sem_flg & SEM_UNDO)
            return true;
    return false;
}

int32_t sem_adjusted(int32_t value, int adjust)
{
    return max(0, min(value + adjust, SEMVMX));
}
