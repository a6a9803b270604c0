using System.Globalization;
using Capbox.Packets.Capture;
using Microsoft.Extensions.Logging;

namespace Capbox.Packets.Archive;

/// <summary>A window of the flight recorder becomes a hold when it opens, which grows with it. No quota refuses it: what a trigger has written must be there.</summary>
internal sealed class TriggerHolds(string archive, ILogger logger)
{
    public const string By = "trigger";
    private string? _id;
    private ulong _number;

    /// <param name="window">As the recorder told it.</param>
    /// <param name="nowNs">Wall clock, UTC nanoseconds.</param>
    public void Take(TriggerWindow window, long nowNs)
    {
        try
        {
            using HoldStore store = HoldStore.Open(archive);
            HoldSet set = store.Load();
            Hold? open = _number == window.Number ? set.Holds.FirstOrDefault(h => h.Id == _id) : null;
            if (open is null && window.Ended)
                return; // somebody removed it meanwhile
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

    private static Hold New(HoldSet set, TriggerWindow window, long nowNs) => new()
    {
        Id = string.Create(CultureInfo.InvariantCulture, $"h{set.Next}"),
        FromUtcNs = window.ReachedUtcNs,
        ToUtcNs = window.ToUtcNs,
        Reason = window.Reason,
        By = By,
        CreatedUtcNs = nowNs,
    };
}
