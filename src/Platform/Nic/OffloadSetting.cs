// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Linux;

namespace Capbox.Platform.Nic;

/// <summary>
/// Receive offloads that merge packets before a capture sees them, GRO in the kernel and LRO in the NIC, turned off for the time of
/// a capture. Disposing restores exactly the settings that it changed; a second call does nothing.
/// </summary>
public sealed class OffloadSetting : IDisposable
{
    private readonly Ethtool _ethtool;
    private readonly string _name;
    private bool _restoreGro;
    private bool _restoreLro;

    private OffloadSetting(Ethtool ethtool, string name)
    {
        _ethtool = ethtool;
        _name = name;
    }

    /// <summary>True when GRO was on and is now off.</summary>
    public bool TurnedGroOff => _restoreGro;

    /// <summary>True when LRO was on and is now off.</summary>
    public bool TurnedLroOff => _restoreLro;

    /// <summary>Null, or one line that names the port and the setting that the driver refused.</summary>
    public string? Problem { get; private set; }

    /// <summary>
    /// Turns GRO and LRO of an interface off. Never throws: <see cref="Problem"/> reports a refusal. Disposing uses
    /// <paramref name="links"/> as well.
    /// </summary>
    internal static OffloadSetting TurnOff(LinkControl links, string name)
    {
        OffloadSetting setting = new(links.Ethtool, name);
        setting._restoreGro = setting.Change("GRO", Ethtool.ETHTOOL_GGRO, Ethtool.ETHTOOL_SGRO, mask: 1);
        setting._restoreLro = setting.Change("LRO", Ethtool.ETHTOOL_GFLAGS, Ethtool.ETHTOOL_SFLAGS, mask: Ethtool.ETH_FLAG_LRO);
        return setting;
    }

    /// <summary>
    /// Turns the offloads on again that <see cref="TurnOff"/> turned off. An interface that is gone has nothing to restore.
    /// </summary>
    public void Dispose()
    {
        if (_restoreGro)
            _ethtool.TrySet(_name, Ethtool.ETHTOOL_SGRO, 1);
        // Flags are set as a whole: read them again, since another program may have changed the others meanwhile.
        if (_restoreLro && _ethtool.TryGet(_name, Ethtool.ETHTOOL_GFLAGS, out uint flags) == 0)
            _ethtool.TrySet(_name, Ethtool.ETHTOOL_SFLAGS, flags | Ethtool.ETH_FLAG_LRO);
        _restoreGro = _restoreLro = false;
    }

    /// <summary>Clears the bits of a setting and reads them back.</summary>
    /// <returns>True if they were set before and are clear now.</returns>
    private bool Change(string what, uint get, uint set, uint mask)
    {
        // A driver without the setting has nothing that merges packets.
        if (_ethtool.TryGet(_name, get, out uint before) != 0 || (before & mask) == 0)
            return false;
        int errno = _ethtool.TrySet(_name, set, before & ~mask);
        if (errno == 0 && _ethtool.TryGet(_name, get, out uint after) == 0 && (after & mask) == 0)
            return true;
        Problem = $"port {_name}: {what} stays on: {(errno != 0 ? Errno.Text(errno) : "the driver ignored the request")}";
        return false;
    }
}
