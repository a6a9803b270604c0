using Capbox.Platform.Linux;

namespace Capbox.Platform.Nic;

/// <summary>
/// Receive offloads that merge packets before anyone sees them, GRO in the kernel and LRO in the NIC, turned off for the time of a
/// capture. Restores exactly what it changed, and only that; disposing twice is harmless.
/// </summary>
public sealed class OffloadSetting : IDisposable
{
    private readonly LinkControl _links;
    private readonly string _name;
    private bool _restoreGro;
    private bool _restoreLro;

    private OffloadSetting(LinkControl links, string name)
    {
        _links = links;
        _name = name;
    }

    /// <summary>True when GRO was on and is now off.</summary>
    public bool TurnedGroOff => _restoreGro;

    /// <summary>True when LRO was on and is now off.</summary>
    public bool TurnedLroOff => _restoreLro;

    /// <summary>Null, or one line that names the port and what the driver refused.</summary>
    public string? Problem { get; private set; }

    /// <summary>Turns GRO and LRO of an interface off. Never throws: a refusal is told by <see cref="Problem"/>. Restoring needs <paramref name="links"/> as well.</summary>
    internal static OffloadSetting TurnOff(LinkControl links, string name)
    {
        OffloadSetting setting = new(links, name);
        setting._restoreGro = setting.Change("GRO", Ethtool.GetGro, Ethtool.SetGro, mask: 1);
        setting._restoreLro = setting.Change("LRO", Ethtool.GetFlags, Ethtool.SetFlags, mask: Ethtool.FlagLro);
        return setting;
    }

    /// <summary>Turns on again what <see cref="TurnOff"/> turned off. An interface that is gone has nothing to restore.</summary>
    public void Dispose()
    {
        if (_restoreGro)
            Ethtool.TrySet(_links, _name, Ethtool.SetGro, 1);
        // Flags are set as a whole: read them again, since somebody else may have changed the others meanwhile.
        if (_restoreLro && Ethtool.TryGet(_links, _name, Ethtool.GetFlags, out uint flags) == 0)
            Ethtool.TrySet(_links, _name, Ethtool.SetFlags, flags | Ethtool.FlagLro);
        _restoreGro = _restoreLro = false;
    }

    /// <summary>Clears the bits of a setting and reads back whether they went.</summary>
    /// <returns>True if they were set before and are clear now.</returns>
    private bool Change(string what, uint get, uint set, uint mask)
    {
        // A driver without the setting has nothing that merges packets.
        if (Ethtool.TryGet(_links, _name, get, out uint before) != 0 || (before & mask) == 0)
            return false;
        int errno = Ethtool.TrySet(_links, _name, set, before & ~mask);
        if (errno == 0 && Ethtool.TryGet(_links, _name, get, out uint after) == 0 && (after & mask) == 0)
            return true;
        Problem = $"port {_name}: {what} stays on: {(errno != 0 ? LibC.ErrorText(errno) : "the driver ignored the request")}";
        return false;
    }
}
