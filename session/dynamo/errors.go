package dynamo

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/webordinary/warmgate/session"
)

// wrap adds what was done to an error and translates those of the service: what
// is none of the session package's, nor the end of the caller's context, tells
// nothing about what is stored.
func wrap(ctx context.Context, what string, err error) error {
	if err == nil {
		return nil
	}
	if ended := ctx.Err(); ended != nil {
		return fmt.Errorf("%s: %w", what, ended)
	}
	if _, ok := errors.AsType[*session.InvalidError](err); ok || ours(err) {
		return fmt.Errorf("%s: %w", what, err)
	}
	if invalid := invalidItem(err); invalid != nil {
		return fmt.Errorf("%s: %w", what, invalid)
	}
	return fmt.Errorf("%s: %w: %w", what, session.ErrUnavailable, err)
}

func ours(err error) bool {
	return errors.Is(err, session.ErrNotFound) || errors.Is(err, session.ErrExpired) ||
		errors.Is(err, session.ErrConflict) || errors.Is(err, session.ErrUnavailable)
}

// invalidItem returns what the caller has done wrong, nil if it is not that.
func invalidItem(err error) error {
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok || api.ErrorCode() != "ValidationException" {
		return nil
	}
	for _, word := range []string{"size", "Nesting"} {
		if strings.Contains(api.ErrorMessage(), word) {
			return &session.InvalidError{Field: "session", Reason: "is too large for the store: " + api.ErrorMessage()}
		}
	}
	return nil
}

// refused returns the item that a condition was checked against. It is nil if
// there was none, or if the service does not tell.
func refused(err error) (old item, ok bool) {
	failed, ok := errors.AsType[*types.ConditionalCheckFailedException](err)
	if !ok {
		return nil, false
	}
	return failed.Item, true
}

// interfered reports whether a transaction of somebody else was under way.
func interfered(err error) bool {
	_, ok := errors.AsType[*types.TransactionConflictException](err)
	return ok
}

// lost reports whether a transaction was refused because somebody else was first.
func lost(err error) bool {
	if interfered(err) {
		return true
	}
	cancelled, ok := errors.AsType[*types.TransactionCanceledException](err)
	if !ok {
		return false
	}
	found := false
	for _, reason := range cancelled.CancellationReasons {
		switch aws.ToString(reason.Code) {
		case "ConditionalCheckFailed", "TransactionConflict":
			found = true
		case "None", "":
		default: // throttling, an item too large
			return false
		}
	}
	return found
}

// permanent reports whether the service refuses to answer for a reason that
// waiting does not cure: credentials, permissions, a request that it does not take.
func permanent(err error) bool {
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return false
	}
	switch api.ErrorCode() {
	case "AccessDeniedException", "UnrecognizedClientException", "InvalidSignatureException", "IncompleteSignatureException",
		"MissingAuthenticationToken", "MissingAuthenticationTokenException", "ValidationException":
		return true
	}
	return false
}
