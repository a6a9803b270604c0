// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Commands;

/// <summary>
/// A request that was not carried out. <see cref="Message"/> is the answer's error, one line; it names the member at fault as a JSON path,
/// as socket and MQTT have it.
/// Another front end names <see cref="Field"/> in its own way before <see cref="Reason"/>.
/// </summary>
public sealed class RequestRefusedException : Exception
{
    public RequestRefusedException()
    {
    }

    public RequestRefusedException(string message) : base(message)
    {
    }

    public RequestRefusedException(string message, Exception inner) : base(message, inner)
    {
    }

    /// <summary>Member of the request at fault; null: the request as a whole.</summary>
    public string? Field { get; init; }

    /// <summary>The user may not ask at all.</summary>
    public bool IsDenied { get; init; }

    public string Reason => base.Message;

    public override string Message => Field is null ? base.Message : $"$.{Field}: {base.Message}";
}
