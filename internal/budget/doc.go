// Package budget divides a number of bytes among the requests that a process has in hand: their
// bodies, what was decoded of them and the answers that their clients have not read yet.
//
// A request asks before it takes memory, and is refused if there is none left: a refusal is
// better than a process that the kernel kills with everybody's requests in its hands. What a
// request takes is estimated (each caller says how), so the budget is a part of the process's
// memory, a quarter by default, and the rest is for what is not counted.
//
// Two rules keep one client from taking it all. A holder, which is a tenant or else a credential,
// has at most half of it. And the last eighth is for requests that take little (small), so that
// single events go on while large batches are refused.
package budget
