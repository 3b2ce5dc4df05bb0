package ecs

import (
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/smithy-go"

	"github.com/webordinary/warmgate/session"
)

// translate turns an error of the SDK into one that others know: what may pass
// by itself is unavailable, anything else is for a person to put right.
func translate(operation string, err error) error {
	if err == nil {
		return nil
	}
	api, answered := errors.AsType[smithy.APIError](err)
	switch {
	case !answered: // no connection, no credentials, no answer in time
		return unavailable("%s: ECS cannot be reached: %w", operation, err)
	case isThrottle(err):
		return unavailable("%s: ECS asks for patience (%s): %w", operation, api.ErrorCode(), err)
	case api.ErrorFault() == smithy.FaultServer, strings.HasPrefix(api.ErrorCode(), "ExpiredToken"),
		strings.HasPrefix(api.ErrorCode(), "ServiceUnavailable"), strings.HasPrefix(api.ErrorCode(), "InternalFailure"):
		return unavailable("%s: ECS has a problem (%s): %w", operation, api.ErrorCode(), err)
	case lacksCapacity(api.ErrorMessage()):
		return fmt.Errorf("%s: %s: %w: %w", operation, api.ErrorMessage(), session.ErrCapacity, err)
	case strings.HasPrefix(api.ErrorCode(), "AccessDenied"):
		return fmt.Errorf("%w: %s: Warmgate's AWS role does not allow it: %w", session.ErrStartFailed, operation, err)
	}
	return fmt.Errorf("%w: %s: %s: %w", session.ErrStartFailed, operation, api.ErrorMessage(), err)
}

// unavailable formats an error that wraps [session.ErrUnavailable].
func unavailable(format string, args ...any) error {
	return fmt.Errorf("%w: %w", session.ErrUnavailable, fmt.Errorf(format, args...))
}

func isThrottle(err error) bool {
	for _, throttles := range retry.DefaultThrottles {
		if throttles.IsErrorThrottle(err) == aws.TrueTernary {
			return true
		}
	}
	return false
}

func isInvalidParameter(err error) bool {
	_, is := errors.AsType[*types.InvalidParameterException](err)
	return is
}

// lacksCapacity reports whether a reason means that AWS has no room now, or
// gives this account none.
func lacksCapacity(reason string) bool {
	reason = strings.ToLower(reason)
	for _, sign := range []string{"capacity is unavailable", "no capacity", "insufficient capacity", "reached the limit", "resource:"} {
		if strings.Contains(reason, sign) {
			return true
		}
	}
	return false
}

// refusal is the error of a RunTask that went well and started nothing.
func refusal(failures []types.Failure) error {
	if len(failures) == 0 {
		return fmt.Errorf("%w: ECS has started no task and does not say why", session.ErrStartFailed)
	}
	reason := aws.ToString(failures[0].Reason)
	if detail := aws.ToString(failures[0].Detail); detail != "" {
		reason += " (" + detail + ")"
	}
	if lacksCapacity(reason) {
		return fmt.Errorf("%w: AWS has no room for the task now: %s", session.ErrCapacity, reason)
	}
	return fmt.Errorf("%w: ECS has started no task: %s", session.ErrStartFailed, reason)
}
