// Package dynamo keeps sessions and records in two DynamoDB tables, for any
// number of replicas.
//
// # The session table
//
// It may be one that other programs use, too. Its key schema and its indexes are
// read from DescribeTable: the partition key holds the session's id, alone or
// with the user's id as sort key. [Attributes] name what is shared; what only
// Warmgate reads begins with "wg". Attributes of others are never touched: every
// write is an UpdateItem that sets and removes ours. Times are read in whatever
// form they have (epoch seconds or milliseconds, ISO 8601, either as a text) and
// written as epoch milliseconds, the TTL as epoch seconds, both only when they
// change. Whether a session is over is decided by the reader's clock: DynamoDB
// deletes expired items days later.
//
// # Writes
//
// A [session.Change] becomes one conditional UpdateItem, without a read before it.
// Its condition holds where the outcome is known beforehand: the statuses fit,
// every time moves forward. That is so for nearly all writes. Otherwise the
// refusal brings the stored item; [session.Change.Apply] decides on it, and the
// outcome is written under the condition that nothing of what it rests on has
// changed since.
//
// Every write leaves a random mark, so that one whose answer was lost and that
// was sent again recognises itself instead of reporting a conflict.
//
// # Lists
//
// Indexes tell which sessions to look at; the items themselves are read
// consistently from the table. So what is listed is exact, but a session may
// come or go a moment late, as global secondary indexes are eventually
// consistent.
package dynamo
