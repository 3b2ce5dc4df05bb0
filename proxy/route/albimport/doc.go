// Package albimport turns the description of an AWS Application Load Balancer
// into rules and upstreams: the JSON that "aws elbv2 describe-rules" and its
// sisters print.
//
// [Documents] takes the files, in any order, and knows what they are by their
// content. [Documents.Convert] makes the rules of one listener. What cannot be
// carried over is a [Note] if requests are still routed the same way, else the
// conversion is refused with a [*RefusedError] until the caller agrees to the
// loss. Nothing is fetched and nothing guessed.
package albimport
