// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Ptp.Messages;
using Capbox.Ptp.Transport;

namespace Capbox.Ptp.Engine;

/// <summary>The masters heard in one domain, and the best of them.</summary>
internal sealed class DomainTable
{
    private readonly EngineOptions _options;
    private readonly EngineCounters _counters;

    public DomainTable(byte number, EngineOptions options, EngineCounters counters)
    {
        (Number, _options, _counters) = (number, options, counters);
        Masters = new Master[options.MastersPerDomain];
        for (int i = 0; i < Masters.Length; i++)
            Masters[i] = new(options, counters);
    }

    public byte Number { get; }
    public Master[] Masters { get; }

    /// <summary>The best qualified master; null without one.</summary>
    public Master? Selected { get; private set; }

    /// <summary>sequenceId of the next Delay_Req to the group.</summary>
    public ushort NextGroupId { get; set; }

    public Master? Find(PortIdentity port)
    {
        foreach (Master master in Masters)
        {
            if (master.IsUsed && master.Port == port)
                return master;
        }

        return null;
    }

    /// <summary>The slot for an unknown master: a free one, or that of the first unqualified one; null if all have qualified.</summary>
    public Master? Place()
    {
        Master? unqualified = null;
        foreach (Master master in Masters)
        {
            if (!master.IsUsed)
                return master;
            if (!master.IsQualified)
                unqualified ??= master;
        }

        return unqualified;
    }

    /// <summary>Rejects and counts an unusable Announce.</summary>
    public bool Admits(in PtpMessage announce)
    {
        Cause? rejection = null;
        if (announce.Announce.StepsRemoved >= 255 || announce.Announce.Grandmaster.Value == 0)
            rejection = Cause.AnnounceUseless;
        else if (announce.Header.Has(MessageFlags.AlternateMaster))
            rejection = Cause.AlternateMaster;
        else if (!IsAllowed(announce.Announce.Grandmaster))
            rejection = Cause.GrandmasterNotAllowed;
        if (rejection is { } cause)
            _counters.Add(cause);
        return rejection is null;
    }

    /// <summary>Whether a known master's Announce comes from its address and is new.</summary>
    public bool IsGenuine(Master master, in PtpMessage announce, PeerAddress source)
    {
        if (master.Address != source)
        {
            _counters.Add(Cause.WrongAddress);
            return false;
        }

        if (master.IsNewAnnounce(announce.Header.SequenceId))
            return true;
        _counters.Add(Cause.AnnounceReplayed);
        return false;
    }

    /// <summary>Selects the best master; returns whether it changed.</summary>
    public bool Select()
    {
        Master? best = null;
        foreach (Master master in Masters)
        {
            if (master.IsQualified && (best is null || DataSet.IsBetter(master.Data, best.Data)))
                best = master;
        }

        bool changed = !ReferenceEquals(best, Selected);
        Selected = best;
        return changed;
    }

    private bool IsAllowed(ClockIdentity grandmaster)
    {
        if (_options.AllowedGrandmasters.Count == 0)
            return true;
        for (int i = 0; i < _options.AllowedGrandmasters.Count; i++)
        {
            if (_options.AllowedGrandmasters[i] == grandmaster)
                return true;
        }

        return false;
    }
}
