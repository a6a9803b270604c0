// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;

namespace Capbox.Fleet;

/// <summary>How a box stands in a rollout.</summary>
internal enum RolloutState
{
    /// <summary>Not begun.</summary>
    Waiting,

    /// <summary>Told; nothing heard yet.</summary>
    Sent,

    /// <summary>In force there, rolled back unless confirmed.</summary>
    Trial,

    /// <summary>In force there, watched for a while.</summary>
    Soaking,

    /// <summary>Has it.</summary>
    Done,

    /// <summary>Had it before.</summary>
    Unchanged,

    /// <summary>Refused it.</summary>
    Rejected,

    /// <summary>Took it back.</summary>
    RolledBack,

    /// <summary>Somebody else changed the box meanwhile.</summary>
    Changed,

    /// <summary>Said nothing in time.</summary>
    Silent,

    /// <summary>Left the broker and did not come back in time.</summary>
    Lost,

    /// <summary>Has it, and its health is worse than before.</summary>
    Worse,

    /// <summary>Was not ready at the start.</summary>
    NotReady,
}

/// <summary>How a rollout goes.</summary>
internal sealed record RolloutOptions
{
    /// <summary>Unique to this rollout.</summary>
    public required string Id { get; init; }

    /// <summary>Boxes in the first stage.</summary>
    public int First { get; init; } = 1;

    /// <summary>Boxes in each further one.</summary>
    public int Batch { get; init; } = 10;

    /// <summary>Between stages.</summary>
    public long PauseMs { get; init; }

    /// <summary>A box is watched so long after it has it.</summary>
    public long SoakMs { get; init; }

    /// <summary>A box that is told has so long to say something, and one that left has to come back.</summary>
    public long PatienceMs { get; init; } = 60_000;

    /// <summary>What ends the rollout.</summary>
    public IReadOnlySet<RolloutState> StopOn { get; init; } = DefaultStopOn;

    public static IReadOnlySet<RolloutState> DefaultStopOn { get; } =
        new HashSet<RolloutState> { RolloutState.Rejected, RolloutState.RolledBack, RolloutState.Changed, RolloutState.Silent, RolloutState.Lost };
}

internal enum RolloutActionKind
{
    /// <summary>Publish the desired document.</summary>
    Send,

    /// <summary>Publish the confirmation.</summary>
    Confirm,

    /// <summary>Take the desired document from the broker, so that no box does later what nobody watches.</summary>
    Withdraw,
}

/// <summary>What is to be done.</summary>
/// <param name="Version">With Send.</param>
/// <param name="Base">With Send: the revision that the document was made from.</param>
internal sealed record RolloutAction(RolloutActionKind Kind, string Device, string Id, long Version = 0, long Base = 0);

/// <summary>One box of a rollout.</summary>
/// <param name="device">The box.</param>
/// <param name="needsNewSession">Its connection is made anew by the change.</param>
/// <param name="madeFrom">The revision that its document was made from: on another it would undo what somebody else did.</param>
internal sealed class RolloutBox(string device, bool needsNewSession, long madeFrom)
{
    public string Device { get; } = device;
    public long MadeFrom { get; } = madeFrom;
    public bool NeedsNewSession { get; } = needsNewSession;
    public RolloutState State { get; internal set; }

    /// <summary>Why, or where it stands.</summary>
    public string Detail { get; internal set; } = "";

    /// <summary>In force there, as last reported.</summary>
    public long Revision { get; internal set; }

    public bool IsUnderWay => State is RolloutState.Sent or RolloutState.Trial or RolloutState.Soaking;
    public bool HasIt => State is RolloutState.Done or RolloutState.Unchanged or RolloutState.Worse or RolloutState.Soaking;

    internal string Id { get; set; } = "";
    internal string? SessionBefore { get; set; }
    internal Health.HealthLevel? HealthBefore { get; set; }
    internal int Attempts { get; set; }
    internal long DeadlineMs { get; set; }
    internal long? ConfirmedMs { get; set; }
    internal long? AwayMs { get; set; }
}

/// <summary>
/// A change going from box to box: one stage after the other, each box followed until it has it or has not, and no further once something
/// is wrong. Pure: what is heard and the time go in, what is to be done comes out; a
/// message that comes twice, late or in another order changes nothing that it should not.
/// </summary>
internal sealed class Rollout
{
    /// <summary>A confirmation that a box did not hear, being between two connections, is said again.</summary>
    private const long ConfirmAgainMs = 5_000;

    private readonly RolloutOptions _options;
    private readonly Func<string, FleetBox?> _look;
    private readonly List<RolloutBox> _boxes;
    private readonly Dictionary<string, RolloutBox> _byDevice;
    private readonly List<RolloutAction> _actions = [];
    private int _next;
    private long _pauseUntilMs;
    private bool _isFirstStage = true;

    /// <param name="options">How.</param>
    /// <param name="boxes">Those that are to change, in this order.</param>
    /// <param name="look">What was heard of a box last.</param>
    public Rollout(RolloutOptions options, IEnumerable<RolloutBox> boxes, Func<string, FleetBox?> look)
    {
        (_options, _look, _boxes) = (options, look, [.. boxes]);
        _byDevice = _boxes.ToDictionary(b => b.Device);
    }

    public IReadOnlyList<RolloutBox> Boxes => _boxes;

    /// <summary>Why no further box is begun; null: all is well so far.</summary>
    public string? Stopped { get; private set; }

    public bool IsOver => !_boxes.Exists(b => b.IsUnderWay) && (Stopped is not null || _next == _boxes.Count);

    /// <summary>No further box is begun; those under way are followed to their end.</summary>
    public void Stop(string reason) => Stopped ??= reason;

    /// <summary>For so long nothing could be heard, which is no box's fault.</summary>
    public void Excuse(long deafMs)
    {
        foreach (RolloutBox box in _boxes.Where(b => b.IsUnderWay))
            (box.DeadlineMs, box.AwayMs) = (box.DeadlineMs + deafMs, box.AwayMs + deafMs);
    }

    /// <summary>Something was heard of a box: looked at again.</summary>
    public void Heard(string device, long nowMs)
    {
        if (_byDevice.TryGetValue(device, out RolloutBox? box) && box.IsUnderWay && _look(device) is { } heard)
            Follow(box, heard, nowMs);
    }

    /// <summary>Time passes. What is to be done now, of everything that was heard since the last step too.</summary>
    public IReadOnlyList<RolloutAction> Step(long nowMs)
    {
        foreach (RolloutBox box in _boxes.Where(b => b.IsUnderWay))
            Wait(box, nowMs);
        if (Stopped is null && _next < _boxes.Count && !_boxes.Exists(b => b.IsUnderWay) && nowMs >= _pauseUntilMs)
            Begin(nowMs);
        RolloutAction[] actions = [.. _actions];
        _actions.Clear();
        return actions;
    }

    private void Begin(long nowMs)
    {
        int room = _isFirstStage ? _options.First : _options.Batch;
        while (room > 0 && _next < _boxes.Count && Stopped is null)
        {
            RolloutBox box = _boxes[_next++];
            if (_look(box.Device) is not { IsReady: true, Report: { } report } heard)
            {
                End(box, RolloutState.NotReady, "not ready when its turn came", nowMs);
                continue;
            }

            if (report.Revision != box.MadeFrom)
            {
                End(box, RolloutState.Changed, ChangedMeanwhile(report), nowMs);
                continue;
            }

            (box.SessionBefore, box.HealthBefore) = (heard.Session, heard.Health?.Overall);
            Send(box, report.HighestVersion + 1, nowMs);
            _isFirstStage = false;
            room--;
        }
    }

    private static string ChangedMeanwhile(BoxReport report) => $"somebody else changed it since this change was made (id \"{report.Id}\")";

    private void Send(RolloutBox box, long version, long nowMs)
    {
        box.Attempts++;
        box.Id = box.Attempts == 1 ? _options.Id : string.Create(CultureInfo.InvariantCulture, $"{_options.Id}-{box.Attempts}");
        (box.State, box.Revision, box.DeadlineMs) = (RolloutState.Sent, box.MadeFrom, nowMs + _options.PatienceMs);
        _actions.Add(new RolloutAction(RolloutActionKind.Send, box.Device, box.Id, version, box.MadeFrom));
    }

    private void Follow(RolloutBox box, FleetBox heard, long nowMs)
    {
        if (heard.State is "lost" or "disconnected" or "init" or null)
            box.AwayMs ??= nowMs;
        else if (heard.IsReady)
            box.AwayMs = null;
        if (heard.Report is not { } report)
            return;
        if (report.Id != box.Id)
        {
            // What it said before this rollout, or what somebody else made of it since.
            if (box.State != RolloutState.Sent && report.Revision != box.Revision)
                End(box, RolloutState.Changed, $"somebody else changed it (id \"{report.Id}\")", nowMs);
            return;
        }

        box.Revision = report.Revision;
        switch (report.Status)
        {
            case BoxReport.Rejected:
                Refused(box, report, nowMs);
                break;
            case BoxReport.RolledBack:
                End(box, RolloutState.RolledBack, report.Errors.Count > 0 ? report.Errors[0] : "", nowMs);
                break;
            case BoxReport.Pending:
                Try(box, heard, nowMs);
                break;
            case BoxReport.Applied when box.State is RolloutState.Sent or RolloutState.Trial:
                (box.State, box.DeadlineMs, box.Detail) = (RolloutState.Soaking, nowMs + _options.SoakMs, "");
                break;
        }
    }

    /// <summary>Somebody else's proposal came first and used up the version: one above that is tried, once.</summary>
    private void Refused(RolloutBox box, BoxReport report, long nowMs)
    {
        bool isUsedUp = report.Errors is [{ } error] && error.StartsWith("$.version: ", StringComparison.Ordinal) && report.HighestVersion >= report.Version;
        bool isAgain = box.State == RolloutState.Sent && box.Attempts == 1 && isUsedUp;
        if (isAgain && report.Revision == box.MadeFrom)
            Send(box, report.HighestVersion + 1, nowMs);
        else if (isAgain)
            End(box, RolloutState.Changed, "somebody else changed it at the same moment", nowMs);
        else
            End(box, RolloutState.Rejected, string.Join("; ", report.Errors), nowMs);
    }

    private void Try(RolloutBox box, FleetBox heard, long nowMs)
    {
        if (box.State == RolloutState.Sent)
            (box.State, box.DeadlineMs, box.Detail) = (RolloutState.Trial, nowMs + _options.PatienceMs, "to be confirmed");
        // It was reached, and over the connection that it has now: only then is it a box that can be reached.
        bool isBack = heard.IsReady && (!box.NeedsNewSession || heard.Session != box.SessionBefore);
        if (box.State != RolloutState.Trial || !isBack || (box.ConfirmedMs is { } last && nowMs - last < ConfirmAgainMs))
            return;
        box.ConfirmedMs = nowMs;
        _actions.Add(new RolloutAction(RolloutActionKind.Confirm, box.Device, box.Id));
    }

    private void Wait(RolloutBox box, long nowMs)
    {
        if (box.State == RolloutState.Trial && _look(box.Device) is { } heard)
            Try(box, heard, nowMs);
        if (box.AwayMs is { } since)
        {
            if (nowMs - since >= _options.PatienceMs)
                End(box, RolloutState.Lost, box.State == RolloutState.Soaking ? "had it, then left the broker" : "left the broker and did not come back in time", nowMs);
        }
        else if (nowMs >= box.DeadlineMs)
        {
            if (box.State == RolloutState.Soaking)
                Finish(box, nowMs);
            else
                End(box, RolloutState.Silent, box.State == RolloutState.Sent ? "said nothing in time" : "did not take the confirmation in time; takes the change back by itself", nowMs);
        }
    }

    private void Finish(RolloutBox box, long nowMs)
    {
        Health.HealthLevel? health = _look(box.Device)?.Health?.Overall;
        if (health > box.HealthBefore && _look(box.Device)!.Health!.Alarms is var alarms)
            End(box, RolloutState.Worse, alarms.Count > 0 ? $"{alarms[0].Id}: {alarms[0].Text}" : "", nowMs);
        else
            End(box, RolloutState.Done, "", nowMs);
    }

    private void End(RolloutBox box, RolloutState state, string detail, long nowMs)
    {
        (box.State, box.Detail) = (state, detail);
        // Where somebody else was at work, what lies at the broker may be theirs.
        if (state is RolloutState.Rejected or RolloutState.RolledBack or RolloutState.Silent or RolloutState.Lost)
            _actions.Add(new RolloutAction(RolloutActionKind.Withdraw, box.Device, box.Id));
        if (_options.StopOn.Contains(state))
            Stop($"{box.Device} {Word(state)}{(detail.Length > 0 ? $": {detail}" : "")}");
        if (!_boxes.Exists(b => b.IsUnderWay))
            _pauseUntilMs = nowMs + _options.PauseMs;
    }

    /// <summary>As tables and JSON tell it.</summary>
    public static string Word(RolloutState state) => state switch
    {
        RolloutState.Waiting => "not begun",
        RolloutState.Sent => "told",
        RolloutState.Trial => "on trial",
        RolloutState.Soaking => "watched",
        RolloutState.Done => "applied",
        RolloutState.Unchanged => "has it already",
        RolloutState.RolledBack => "rolled-back",
        RolloutState.NotReady => "not ready",
        _ => state.ToString().ToLowerInvariant(),
    };
}
