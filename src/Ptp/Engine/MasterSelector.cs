using Capbox.Platform.Time;
using Capbox.Ptp.Messages;

namespace Capbox.Ptp.Engine;

/// <summary>Masters of an engine: who is there, who is best, who is the reference, what they say about time, and whether they agree.</summary>
public sealed partial class PtpEngine
{
    /// <summary>Offsets older than this and four Delay_Req intervals are not compared.</summary>
    private const long ComparedForNs = 10 * Intervals.SecondNs;

    private readonly double[] _offsets;
    private Master? _reference;
    private DomainTable? _referenceDomain;
    private bool _isUtcDue;
    private bool _isAgreed = true;

    /// <summary>The last comparison of all masters that are measured.</summary>
    public MasterComparison Comparison { get; private set; }

    /// <summary>The master that is followed, or null.</summary>
    public MasterStatus? Reference => _reference is null ? null : StatusOf(_referenceDomain!, _reference);

    /// <summary>Copies the state of all masters, domain by domain; returns how many. What does not fit is left out.</summary>
    public int CopyMasters(Span<MasterStatus> to)
    {
        int count = 0;
        foreach (DomainTable domain in _domains)
        {
            foreach (Master master in domain.Masters)
            {
                if (master.IsUsed && count < to.Length)
                    to[count++] = StatusOf(domain, master);
            }
        }

        return count;
    }

    private void Announced(DomainTable domain, in PtpMessage message, in Arrival arrival)
    {
        Master? master = domain.Find(message.Header.Source);
        if (!domain.Admits(message))
        {
            // What it sends from now on is not what it was followed for.
            if (master is not null && domain.IsGenuine(master, message, arrival.Source))
                Leave(domain, master, arrival.NowNs);
            return;
        }

        if (master is { } old && old.HasTimedOut(arrival.NowNs))
        {
            Leave(domain, old, arrival.NowNs);
            master = null;
        }

        if (master is null)
        {
            master = domain.Place();
            Counters.Add(master is null ? Cause.TableFull : Cause.AnnounceUsed);
            master?.Occupy(message, arrival.Source, arrival.NowNs);
            return;
        }

        if (!domain.IsGenuine(master, message, arrival.Source))
            return;
        Counters.Add(Cause.AnnounceUsed);
        Update(domain, master, message, arrival.NowNs);
    }

    private void Update(DomainTable domain, Master master, in PtpMessage message, long nowNs)
    {
        (DataSet data, TimeProperties properties) = (master.Data, master.Properties);
        if (master.Announced(message, nowNs))
            Tell(EventKind.MasterQualified, nowNs, domain, master, 0, 0);
        else if (ReferenceEquals(master, domain.Selected))
            TellChanges(domain, master, data, properties, nowNs);
        Select(domain, nowNs);
        if (ReferenceEquals(master, _reference))
            AnnounceUtc(master, nowNs);
    }

    private void TellChanges(DomainTable domain, Master master, in DataSet data, in TimeProperties before, long nowNs)
    {
        TellIf(EventKind.GrandmasterChanged, nowNs, domain, master, (long)data.Grandmaster.Value, (long)master.Data.Grandmaster.Value);
        TellIf(EventKind.ClockClassChanged, nowNs, domain, master, data.Quality.Class, master.Data.Quality.Class);
        TellIf(EventKind.ClockAccuracyChanged, nowNs, domain, master, data.Quality.Accuracy, master.Data.Quality.Accuracy);
        TimeProperties after = master.Properties;
        TellIf(EventKind.TimescaleChanged, nowNs, domain, master, (long)before.Timescale, (long)after.Timescale);
        TellIf(EventKind.TraceabilityChanged, nowNs, domain, master, Traceability(before), Traceability(after));
    }

    private static long Traceability(in TimeProperties properties) => (properties.IsTimeTraceable ? 2 : 0) + (properties.IsFrequencyTraceable ? 1 : 0);

    private void Select(DomainTable domain, long nowNs)
    {
        if (!domain.Select())
            return;
        if (domain.Selected is { } selected)
            Tell(EventKind.MasterSelected, nowNs, domain, selected, 0, selected.Data.Quality.Class);
        else
            _output.Happened(new(EventKind.NoMaster, nowNs, domain.Number, default, default, 0, 0));
        UpdateReference(nowNs);
    }

    /// <summary>What was not heard for too long.</summary>
    private void Expire(DomainTable domain, long nowNs)
    {
        foreach (Master master in domain.Masters)
        {
            if (!master.IsUsed)
                continue;
            if (master.HasTimedOut(nowNs))
            {
                Leave(domain, master, nowNs);
                continue;
            }

            master.Matcher.Expire(nowNs, master.SyncTimeoutNs);
            if (!master.IsSyncAlive || !master.HasSyncTimedOut(nowNs))
                continue;
            master.IsSyncAlive = false;
            master.Matcher.Restart();
            Tell(EventKind.SyncLost, nowNs, domain, master, 0, (nowNs - master.SyncedNs) / 1_000_000);
        }
    }

    private void Leave(DomainTable domain, Master master, long nowNs)
    {
        if (master.IsQualified)
            Tell(EventKind.MasterLost, nowNs, domain, master, 0, 0);
        master.Free();
        Select(domain, nowNs);
    }

    /// <summary>
    /// The reference is the best master of the first domain whose master's Syncs come. While there is none, the one before is kept as long as it is announced.
    /// </summary>
    private void UpdateReference(long nowNs)
    {
        DomainTable? best = null;
        foreach (DomainTable domain in _domains)
        {
            if (best is null && domain.Selected is { IsSyncAlive: true })
                best = domain;
        }

        if (best is null && _referenceDomain is { Selected: not null })
            best = _referenceDomain;
        foreach (DomainTable domain in _domains)
        {
            if (best is null && domain.Selected is not null)
                best = domain;
        }

        Master? master = best?.Selected;
        if (ReferenceEquals(master, _reference))
            return;
        (_reference, _referenceDomain) = (master, best);
        if (master is null)
        {
            _utc.ReferenceLost();
            _output.Happened(new(EventKind.ReferenceLost, nowNs, 0, default, default, 0, 0));
            return;
        }

        Tell(EventKind.ReferenceChanged, nowNs, best!, master, 0, master.Data.Quality.Class);
        AnnounceUtc(master, nowNs);
    }

    /// <summary>What the reference says about UTC, when its time is known: with its first Sync at the latest.</summary>
    private void AnnounceUtc(Master master, long nowNs)
    {
        _isUtcDue = !master.IsSyncAlive && master.Properties.Timescale == Timescale.Ptp;
        if (_isUtcDue)
            return;
        long refused = _utc.Refused;
        UtcView before = View(nowNs);
        _utc.Announced(master.Properties, TimeOf(master, nowNs));
        if (_utc.Refused != refused)
            Counters.Add(Cause.LeapRefused);
        TellUtc(before, master, nowNs);
    }

    private void AdvanceUtc(Master master, long nowNs)
    {
        if (_isUtcDue)
            AnnounceUtc(master, nowNs);
        if (master.Properties.Timescale != Timescale.Ptp)
            return;
        UtcView before = View(nowNs);
        _utc.Advance(TimeOf(master, nowNs));
        TellUtc(before, master, nowNs);
    }

    private readonly record struct UtcView(int OffsetSeconds, UtcKnowledge Knowledge, int PendingLeap);

    private UtcView View(long nowNs)
    {
        TaiTime now = _reference is { } master ? TimeOf(master, nowNs) : default;
        return new(_utc.TryGetOffset(now, out UtcOffset offset) ? offset.Seconds : 0, _utc.Knowledge, _utc.PendingLeap);
    }

    private void TellUtc(in UtcView before, Master master, long nowNs)
    {
        _utc.TryGetOffset(TimeOf(master, nowNs), out UtcOffset now);
        int offset = _utc.Knowledge == UtcKnowledge.None ? 0 : now.Seconds;
        DomainTable domain = _referenceDomain!;
        TellIf(EventKind.UtcOffsetChanged, nowNs, domain, master, _told, offset);
        _told = offset;
        TellIf(EventKind.UtcValidityChanged, nowNs, domain, master, before.Knowledge == UtcKnowledge.Valid ? 1 : 0, _utc.Knowledge == UtcKnowledge.Valid ? 1 : 0);
        if (_utc.PendingLeap != 0 && before.PendingLeap == 0)
            Tell(EventKind.LeapAnnounced, nowNs, domain, master, _utc.PendingLeap, _utc.LeapAt.Nanoseconds / Intervals.SecondNs);
        bool isOver = TimeOf(master, nowNs) >= _utc.LeapAt;
        if (_utc.PendingLeap == 0 && before.PendingLeap != 0 && !isOver)
            Tell(EventKind.LeapWithdrawn, nowNs, domain, master, before.PendingLeap, 0);
    }

    // The offset that was last told: a leap comes to pass between two looks.
    private int _told;

    /// <summary>The master's time now: its last Sync's, and what the host's monotonic clock counted since. Good to a few ms: for dates, not for measuring.</summary>
    private static TaiTime TimeOf(Master master, long nowNs) =>
        master.SyncedNs == long.MinValue ? default : new(master.LastSync.Sent.Nanoseconds + (nowNs - master.SyncedNs));

    private void Compare(long nowNs)
    {
        int count = 0;
        double reference = double.NaN;
        long oldest = nowNs - ComparedForNs - (4 * Intervals.FromLog(_options.LogDelayInterval));
        foreach (DomainTable domain in _domains)
        {
            foreach (Master master in domain.Masters)
            {
                if (!master.IsQualified || master.ExchangedNs < oldest || master.Properties.Timescale != Timescale.Ptp)
                    continue;
                _offsets[count++] = master.OffsetNs;
                if (ReferenceEquals(master, _reference))
                    reference = master.OffsetNs;
            }
        }

        Comparison = MasterComparison.Of(_offsets.AsSpan(0, count), reference, _options.DisagreementNs);
        if (Comparison.IsAgreed == _isAgreed || _reference is null)
            return;
        _isAgreed = Comparison.IsAgreed;
        Tell(_isAgreed ? EventKind.MastersAgree : EventKind.MastersDisagree, nowNs, _referenceDomain!, _reference, Comparison.Agreeing, (long)Comparison.SpreadNs);
    }

    private MasterStatus StatusOf(DomainTable domain, Master master) => new(
        domain.Number,
        master.Data,
        master.Properties,
        master.Address,
        master.IsQualified,
        ReferenceEquals(master, domain.Selected),
        ReferenceEquals(master, _reference),
        master.IsSyncAlive,
        master.ExchangedNs == long.MinValue ? null : master.OffsetNs,
        master.ExchangedNs);

    private void TellIf(EventKind kind, long nowNs, DomainTable domain, Master master, long before, long after)
    {
        if (before != after)
            Tell(kind, nowNs, domain, master, before, after);
    }

    private void Tell(EventKind kind, long nowNs, DomainTable domain, Master master, long before, long after) =>
        _output.Happened(new(kind, nowNs, domain.Number, master.Port, master.Data.Grandmaster, before, after));
}
