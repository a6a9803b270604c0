// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using Microsoft.Extensions.Logging;

namespace Capbox.Packets.Archive;

/// <summary>A window of the flight recorder, as far as a hold must know it. Times are UTC nanoseconds.</summary>
/// <param name="Number">The same for every trigger that prolongs the window.</param>
/// <param name="Reason">Reason of the last trigger.</param>
/// <param name="FromUtcNs">First moment that the rings held.</param>
/// <param name="ToUtcNs">End of the window.</param>
/// <param name="Ended">True when no more is reported of this window.</param>
public sealed record HeldWindow(ulong Number, string Reason, long FromUtcNs, long ToUtcNs, bool Ended);

/// <summary>
/// A window of the flight recorder becomes a hold when it opens, which grows with it. No quota refuses it: what a trigger has written must
/// be there.
/// </summary>
internal sealed class TriggerHolds(string archive, ILogger logger)
{
    public const string By = "trigger";
    private string? _id;
    private ulong _number;

    /// <param name="window">Latest state of the window.</param>
    /// <param name="nowNs">Wall clock, UTC nanoseconds.</param>
    public void Apply(HeldWindow window, long nowNs)
    {
        try
        {
            using HoldStore store = HoldStore.Open(archive);
            HoldSet set = store.Load();
            Hold? open = _number == window.Number ? set.Holds.FirstOrDefault(h => h.Id == _id) : null;
            if (open is null && window.Ended)
                return; // removed meanwhile
            Hold hold = (open ?? New(set, window, nowNs)) with { ToUtcNs = window.ToUtcNs };
            store.Save(open is null
                ? set with { Next = set.Next + 1, Holds = [.. set.Holds, hold] }
                : set with { Holds = [.. set.Holds.Select(h => h.Id == hold.Id ? hold : h)] });
            if (open is null)
                logger.LogInformation("trigger: window {Number} is held: {Id}", window.Number, hold.Id);
            (_id, _number) = (hold.Id, window.Number);
        }
        catch (HoldException e)
        {
            logger.LogError("trigger: window {Number} is not held: {Reason}", window.Number, e.Message);
        }
    }

    private static Hold New(HoldSet set, HeldWindow window, long nowNs) => new()
    {
        Id = string.Create(CultureInfo.InvariantCulture, $"h{set.Next}"),
        FromUtcNs = window.FromUtcNs,
        ToUtcNs = window.ToUtcNs,
        Reason = window.Reason,
        By = By,
        CreatedUtcNs = nowNs,
    };
}
