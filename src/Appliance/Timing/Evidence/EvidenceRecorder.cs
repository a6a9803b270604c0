// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using Capbox.Packets.Capture;
using Capbox.Platform.Time;
using Capbox.Ptp.Clocks;
using Capbox.Ptp.Messages;

namespace Capbox.Timing.Evidence;

/// <summary>Records what the clock supervisor publishes: each second, and each change as an event. One thread.</summary>
internal sealed class EvidenceRecorder : IDisposable
{
    private readonly EvidenceLog _log;
    private ClockSnapshot? _before;

    /// <param name="archive">The archive.</param>
    /// <param name="options">Clock that is recorded.</param>
    /// <param name="ports">Ports of the recorder.</param>
    public EvidenceRecorder(string archive, ClockOptions options, IReadOnlyList<PortOptions> ports)
    {
        _log = new EvidenceLog(archive, options.LogDays);
        PostEvent("start: " + string.Join(' ', ports.Select(p => p.Name)));
    }

    public string? Fault => _log.Fault;

    /// <summary>Records a second and the changes since the last one.</summary>
    public void Record(ClockSnapshot now)
    {
        foreach (string change in Changes(_before, now))
            PostEvent(change);
        _before = now;
        _log.Post(Second(now));
    }

    public void Dispose()
    {
        PostEvent("stop");
        _log.Dispose();
    }

    /// <summary>One line for each change.</summary>
    internal static IEnumerable<string> Changes(ClockSnapshot? before, ClockSnapshot now)
    {
        if (before?.Clock != now.Clock)
            yield return $"clock: {before?.Clock ?? "none"} -> {now.Clock ?? "none"} by {now.Source} on {now.Interface}";
        if (before?.State != now.State)
            yield return $"state: {before?.State.ToString() ?? "none"} -> {now.State}";
        if (before?.Grandmaster != now.Grandmaster)
            yield return $"reference: {before?.Grandmaster ?? "none"} -> {now.Grandmaster ?? "none"}";
        if (before is not null && before.Grandmaster == now.Grandmaster && before.ClockClass != now.ClockClass)
            yield return string.Create(CultureInfo.InvariantCulture, $"class: {before.ClockClass} -> {now.ClockClass}");
        if (before?.UtcOffsetSeconds != now.UtcOffsetSeconds)
            yield return $"TAI - UTC: {Known(before?.UtcOffsetSeconds)} -> {Known(now.UtcOffsetSeconds)}";
        // A source that is opened again counts its steps from 0.
        if (now.Steps > (before?.Steps ?? 0))
            yield return string.Create(CultureInfo.InvariantCulture, $"steps: {now.Steps - (before?.Steps ?? 0)}");
        if (before?.Fault != now.Fault)
            yield return $"fault: {now.Fault ?? "over"}";
    }

    private static string Known(int? seconds) => seconds?.ToString(CultureInfo.InvariantCulture) ?? "not known";

    private static EvidenceRecord Second(ClockSnapshot now) => new()
    {
        UtcNs = UtcTime.Now.Nanoseconds,
        RawNs = RawNs(),
        State = now.State,
        OffsetNs = now.OffsetNs,
        BoundNs = now.BoundNs ?? double.NaN,
        Parts = now.Parts,
        FrequencyPpb = now.FrequencyPpb,
        Grandmaster = ClockIdentity.TryParse(now.Grandmaster, out ClockIdentity identity) ? identity.Value : 0,
        Domain = now.Domain ?? 0,
        ClockClass = now.ClockClass ?? 0,
        StepsRemoved = now.StepsRemoved ?? 0,
        UtcOffsetSeconds = now.UtcOffsetSeconds ?? 0,
        Steps = (uint)now.Steps,
        SystemState = now.System?.State,
        SystemOffsetNs = now.System?.OffsetNs ?? 0,
        SystemBoundNs = now.System?.BoundNs ?? double.NaN,
    };

    private static long RawNs()
    {
        using SystemClock clock = new();
        return clock.Read(ReferenceClock.MonotonicRaw).ReferenceNs;
    }

    private void PostEvent(string what) => _log.Post(new EvidenceRecord { UtcNs = UtcTime.Now.Nanoseconds, RawNs = RawNs(), Text = what });
}
