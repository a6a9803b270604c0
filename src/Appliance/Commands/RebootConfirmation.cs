// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Security.Cryptography;
using System.Text;

namespace Capbox.Commands;

/// <summary>Result of <c>reboot</c>.</summary>
/// <param name="Rebooting">It was ordered: the recorder stops in order, then the machine starts again.</param>
/// <param name="Token">To be sent back by the same requester; null when it was ordered.</param>
/// <param name="ExpiresInSeconds">How long the token is good.</param>
internal sealed record RebootAnswer(bool Rebooting, string? Token, int? ExpiresInSeconds);

/// <summary>
/// Lets nobody reboot the machine by one message, by an old one, or by another's: the first request gets a token, the second one of the
/// same requester with it, soon, does it. A token is good once; a wrong
/// one takes it away.
/// </summary>
/// <param name="refusal">Null: it may be done; else why not.</param>
/// <param name="reboot">Orders it; returns at once.</param>
/// <param name="time">Monotonic.</param>
internal sealed class RebootConfirmation(Func<string?> refusal, Action reboot, TimeProvider time)
{
    public const int TokenSeconds = 30;
    private const int TokenBytes = 16;

    private readonly Lock _gate = new();
    private string? _token, _requester;
    private long _given;

    /// <exception cref="RequestRefusedException">It may not, or the token is not good; nothing was ordered.</exception>
    public RebootAnswer Ask(string requester, string? token)
    {
        if (refusal() is { } why)
            throw new RequestRefusedException(why);
        lock (_gate)
        {
            if (token is null)
            {
                (_token, _requester, _given) = (RandomNumberGenerator.GetHexString(2 * TokenBytes, lowercase: true), requester, time.GetTimestamp());
                return new RebootAnswer(false, _token, TokenSeconds);
            }

            bool isGood = _token is not null && _requester == requester && time.GetElapsedTime(_given) < TimeSpan.FromSeconds(TokenSeconds)
                && CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(token), Encoding.UTF8.GetBytes(_token));
            _token = null;
            if (!isGood)
                throw new RequestRefusedException($"not the one that this requester got within the last {TokenSeconds} s; ask for another") { Field = "token" };
            reboot();
            return new RebootAnswer(true, null, null);
        }
    }
}
