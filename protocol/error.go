package protocol

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// Code is one of the closed set of error codes. The same codes travel in
// result frames, goodbye frames and HTTP problem documents. Codes are stable:
// a client may switch on them; messages are for people.
type Code string

// The closed set.
const (
	CodeInvalidRequest      Code = "invalid_request"
	CodeUnauthorized        Code = "unauthorized"
	CodeForbidden           Code = "forbidden"
	CodeNotFound            Code = "not_found"
	CodeSessionExists       Code = "session_exists"
	CodeAgentUnknown        Code = "agent_unknown"
	CodeAgentNotInstalled   Code = "agent_not_installed"
	CodeInstallFailed       Code = "install_failed"
	CodeAgentStartFailed    Code = "agent_start_failed"
	CodeAgentNotRunning     Code = "agent_not_running"
	CodeBusy                Code = "busy"
	CodeModeNotSupported    Code = "mode_not_supported"
	CodeCapabilityMissing   Code = "capability_missing"
	CodeAlreadyDecided      Code = "already_decided"
	CodePermissionClosed    Code = "permission_closed"
	CodeInputMismatch       Code = "input_mismatch"
	CodeIdempotencyConflict Code = "idempotency_conflict"
	CodeCursorAhead         Code = "cursor_ahead"
	CodeInvalidCursor       Code = "invalid_cursor"
	CodeTooLarge            Code = "too_large"
	CodeRateLimited         Code = "rate_limited"
	CodeUnknownType         Code = "unknown_type"
	CodeStoreFull           Code = "store_full"
	CodeStoreFailed         Code = "store_failed"
	CodeDraining            Code = "draining"
	CodeTimeout             Code = "timeout"
	CodeInternal            Code = "internal"
)

// httpStatus holds the HTTP status of each code; it is also the list of all
// codes.
var httpStatus = map[Code]int{
	CodeInvalidRequest:      http.StatusBadRequest,
	CodeUnauthorized:        http.StatusUnauthorized,
	CodeForbidden:           http.StatusForbidden,
	CodeNotFound:            http.StatusNotFound,
	CodeSessionExists:       http.StatusConflict,
	CodeAgentUnknown:        http.StatusBadRequest,
	CodeAgentNotInstalled:   http.StatusConflict,
	CodeInstallFailed:       http.StatusBadGateway,
	CodeAgentStartFailed:    http.StatusBadGateway,
	CodeAgentNotRunning:     http.StatusConflict,
	CodeBusy:                http.StatusConflict,
	CodeModeNotSupported:    http.StatusBadRequest,
	CodeCapabilityMissing:   http.StatusBadRequest,
	CodeAlreadyDecided:      http.StatusConflict,
	CodePermissionClosed:    http.StatusConflict,
	CodeInputMismatch:       http.StatusConflict,
	CodeIdempotencyConflict: http.StatusConflict,
	CodeCursorAhead:         http.StatusConflict,
	CodeInvalidCursor:       http.StatusBadRequest,
	CodeTooLarge:            http.StatusRequestEntityTooLarge,
	CodeRateLimited:         http.StatusTooManyRequests,
	CodeUnknownType:         http.StatusBadRequest,
	CodeStoreFull:           http.StatusInsufficientStorage,
	CodeStoreFailed:         http.StatusInternalServerError,
	CodeDraining:            http.StatusServiceUnavailable,
	CodeTimeout:             http.StatusGatewayTimeout,
	CodeInternal:            http.StatusInternalServerError,
}

// HTTPStatus returns the status that goes with the code; 500 for a code that
// is not in the set.
func (c Code) HTTPStatus() int {
	if s, ok := httpStatus[c]; ok {
		return s
	}
	return http.StatusInternalServerError
}

// Codes returns all codes, in no particular order.
func Codes() []Code {
	codes := make([]Code, 0, len(httpStatus))
	for c := range httpStatus {
		codes = append(codes, c)
	}
	return codes
}

// Error is a refusal as it travels. Message reaches clients: it says in one
// sentence what is wrong and what to do, and never holds internal detail.
type Error struct {
	Code    Code            `json:"code"`
	Message string          `json:"message"`
	Details json.RawMessage `json:"details,omitempty"`
}

// Error returns code and message.
func (e *Error) Error() string { return string(e.Code) + ": " + e.Message }

// Errorf makes an Error with a formatted message.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// WithDetails returns a copy of e that carries v as JSON. It panics if v
// cannot be encoded, which is a programming error.
func (e *Error) WithDetails(v any) *Error {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("cannot encode error details: %v", err))
	}
	return &Error{Code: e.Code, Message: e.Message, Details: b}
}

// AsError returns the *Error inside err. Anything else becomes an internal
// error whose message tells nothing of the cause.
func AsError(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return Errorf(CodeInternal, "the server could not do this because of an internal error; its log has the cause")
}

// CodeOf returns the code of err: empty for nil, internal for an error that
// is no *Error.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	return AsError(err).Code
}
