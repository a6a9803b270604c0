// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using Capbox.Packets.Capture;
using Capbox.Packets.Pcapng;

namespace Capbox.Health;

/// <summary>
/// Makes events out of successive looks at the box: what began, what ended, what is another now. No I/O and no clock but that of the looks.
/// </summary>
internal sealed class EventDetector
{
    /// <summary>A loss is over when nothing of its cause was lost for so long.</summary>
    public static readonly TimeSpan LossEnds = TimeSpan.FromSeconds(10);

    private static readonly (string Cause, Func<PortLedger, ulong> Count)[] s_causes = [("ring", p => p.LostRing), ("disk", p => p.LostDisk), ("nic", p => p.LostNic), ("host", p => p.LostHost)];
    private readonly Dictionary<(string Port, string Cause), Loss> _losses = [];
    private readonly Dictionary<string, (string Code, TimeSpan Since)> _ports = [];
    private readonly Dictionary<string, TimeSpan> _faults = [];
    private BoxSnapshot? _before;

    /// <param name="Packets">Lost of this cause since it began.</param>
    /// <param name="Since">First look at which the count had risen, by uptime.</param>
    /// <param name="Last">The last one.</param>
    private sealed record Loss(ulong Packets, TimeSpan Since, TimeSpan Last);

    /// <summary>What happened between the look before and this one. The first look is compared with a box that has just started.</summary>
    public IReadOnlyList<BoxEvent> Detect(BoxSnapshot now)
    {
        List<BoxEvent> events = [];
        foreach (PortLedger port in now.Ports)
        {
            DetectState(port, now, events);
            foreach ((string cause, Func<PortLedger, ulong> count) in s_causes)
                DetectLoss(port, cause, count, now, events);
        }

        ForgetRemovedPorts(now, events);
        DetectFault("disk", EventSeverity.Error, "storage", now.Storage.Fault, now, events);
        DetectFault("archive", EventSeverity.Warning, "storage", now.Archive?.Fault, now, events);
        DetectFault("custody", EventSeverity.Warning, "storage", now.Custody?.Fault, now, events);
        DetectFault("clock", EventSeverity.Warning, "clock", now.Clock?.Fault, now, events);
        DetectClock(now, events);
        DetectCounts(now, events);
        _before = now;
        return events;
    }

    private void DetectState(PortLedger port, BoxSnapshot now, List<BoxEvent> events)
    {
        (EventSeverity severity, string code, string text) = port switch
        {
            { Fault: { } fault } => (EventSeverity.Error, "port-fault", fault),
            { State: PortState.Capturing } => (EventSeverity.Info, "port-up", $"port {port.Port} is captured"),
            { State: PortState.Missing } => (EventSeverity.Warning, "port-gone", $"there is no port {port.Port}"),
            { State: PortState.Down } => (EventSeverity.Warning, "port-down", $"port {port.Port} is down"),
            _ => (EventSeverity.Info, "", ""), // before its first start
        };
        bool isKnown = _ports.TryGetValue(port.Port, out (string Code, TimeSpan Since) was);
        if (code.Length == 0 || (isKnown && was.Code == code))
            return;
        _ports[port.Port] = (code, now.Uptime);
        double? seconds = isKnown && code == "port-up" ? (now.Uptime - was.Since).TotalSeconds : null;
        events.Add(new BoxEvent(now.At, severity, code, "capture", text) { Data = new EventData { Port = port.Port, Seconds = seconds } });
    }

    private void DetectLoss(PortLedger port, string cause, Func<PortLedger, ulong> count, BoxSnapshot now, List<BoxEvent> events)
    {
        PortLedger? was = _before?.Ports.FirstOrDefault(p => p.Port == port.Port);
        ulong before = was is null || count(was) > count(port) ? 0 : count(was);
        ulong lost = count(port) - before;
        bool isOpen = _losses.TryGetValue((port.Port, cause), out Loss? loss);
        if (lost > 0 && !isOpen)
        {
            events.Add(new BoxEvent(now.At, EventSeverity.Error, "loss-started", "capture", $"port {port.Port} loses packets: {cause}") { Data = new EventData { Port = port.Port, Cause = cause, Packets = lost } });
            _losses[(port.Port, cause)] = new Loss(lost, now.Uptime, now.Uptime);
        }
        else if (lost > 0)
        {
            _losses[(port.Port, cause)] = loss! with { Packets = loss.Packets + lost, Last = now.Uptime };
        }
        else if (isOpen && now.Uptime - loss!.Last >= LossEnds)
        {
            EndLoss((port.Port, cause), loss, now, events);
        }
    }

    private void EndLoss((string Port, string Cause) key, Loss loss, BoxSnapshot now, List<BoxEvent> events)
    {
        _losses.Remove(key);
        double seconds = (loss.Last - loss.Since).TotalSeconds;
        events.Add(new BoxEvent(now.At, EventSeverity.Info, "loss-ended", "capture", string.Create(CultureInfo.InvariantCulture, $"port {key.Port} lost {loss.Packets} packets within {seconds:0.#} s: {key.Cause}"))
        {
            Data = new EventData { Port = key.Port, Cause = key.Cause, Packets = loss.Packets, Seconds = seconds },
        });
    }

    private void ForgetRemovedPorts(BoxSnapshot now, List<BoxEvent> events)
    {
        foreach ((string Port, string Cause) key in _losses.Keys.Where(k => now.Ports.All(p => p.Port != k.Port)).ToArray())
            EndLoss(key, _losses[key], now, events);
        foreach (string port in _ports.Keys.Where(name => now.Ports.All(p => p.Port != name)).ToArray())
        {
            _ports.Remove(port);
            events.Add(new BoxEvent(now.At, EventSeverity.Info, "port-removed", "capture", $"port {port} is not recorded any more") { Data = new EventData { Port = port } });
        }
    }

    /// <summary>
    /// NAME-refused when something begins to be wrong, NAME-resumed when nothing is. That the words change meanwhile is no event.
    /// </summary>
    private void DetectFault(string name, EventSeverity severity, string component, string? fault, BoxSnapshot now, List<BoxEvent> events)
    {
        bool isOpen = _faults.TryGetValue(name, out TimeSpan since);
        if (fault is not null && !isOpen)
        {
            _faults[name] = now.Uptime;
            events.Add(new BoxEvent(now.At, severity, name + "-refused", component, fault));
        }
        else if (fault is null && isOpen)
        {
            _faults.Remove(name);
            double seconds = (now.Uptime - since).TotalSeconds;
            events.Add(new BoxEvent(now.At, EventSeverity.Info, name + "-resumed", component, string.Create(CultureInfo.InvariantCulture, $"{name}: good again after {seconds:0.#} s"))
            {
                Data = new EventData { Seconds = seconds },
            });
        }
    }

    private void DetectClock(BoxSnapshot now, List<BoxEvent> events)
    {
        if (now.Clock is not { } clock)
            return;
        ClockState was = _before?.Clock?.State ?? ClockState.Untraceable;
        if (clock.State != was)
        {
            bool isWorse = ClockTrust.Rank(clock.State) < ClockTrust.Rank(was);
            (string from, string to) = (NameOf(was), NameOf(clock.State));
            events.Add(new BoxEvent(now.At, isWorse ? EventSeverity.Warning : EventSeverity.Info, "clock-state", "clock", $"the clock was {from} and is {to}") { Data = new EventData { From = from, To = to } });
        }

        long before = _before?.Clock?.Steps ?? 0;
        // A clock that was begun anew counts from 0 again.
        long steps = clock.Steps >= before ? clock.Steps - before : clock.Steps;
        if (steps > 0)
            events.Add(new BoxEvent(now.At, EventSeverity.Warning, "clock-step", "clock", "the clock was stepped") { Data = new EventData { Count = (ulong)steps } });
    }

    private void DetectCounts(BoxSnapshot now, List<BoxEvent> events)
    {
        ulong repaired = now.Storage.SegmentsRepaired - (_before?.Storage.SegmentsRepaired ?? 0);
        if (repaired > 0)
            events.Add(new BoxEvent(now.At, EventSeverity.Warning, "segments-repaired", "storage", "segments of a recorder that did not end in order were repaired") { Data = new EventData { Count = repaired } });
        if (now.Trigger is { } trigger && trigger.Windows - (_before?.Trigger?.Windows ?? 0) is > 0 and var windows)
            events.Add(new BoxEvent(now.At, EventSeverity.Info, "triggered", "capture", $"a window is written: {trigger.LastReason}") { Data = new EventData { Count = windows } });
    }

    private static string NameOf(ClockState state) => state.ToString().ToLowerInvariant();
}
