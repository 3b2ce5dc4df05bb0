// Package pooled keeps the records of pools that forward rules use
// ([session.PoolID]) apart from sessions: other programs read the sessions' table
// and would take them for some. To whoever uses the [Store] all are records alike.
package pooled
